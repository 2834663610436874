; A recipe for Inno Setup 6. UNTESTED: it was written on Linux and has not been run yet.
;
; Per machine and silent:   fialka-setup.exe /VERYSILENT /SUPPRESSMSGBOXES /JOIN=\\server\share\academy.fialka
; Without /JOIN each person chooses the server, or the program finds it on the network.
;
; Build the program first, on Windows with Rust and the MSVC tools:
;   cargo build --release -p client --bin fialka
; then:  iscc deploy\client\windows.iss

#define Version "0.1.0"

[Setup]
AppId={{6B7F0C0E-5E0B-4E0E-9B7B-0C3A4F1A1A21}
AppName=Fialka
AppVersion={#Version}
AppPublisher=Fialka
DefaultDirName={autopf}\Fialka
DefaultGroupName=Fialka
PrivilegesRequired=admin
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
DisableProgramGroupPage=yes
OutputBaseFilename=fialka-setup-{#Version}
Compression=lzma2
SolidCompression=yes
UninstallDisplayIcon={app}\fialka.exe
ChangesAssociations=yes

[Languages]
Name: "ru"; MessagesFile: "compiler:Languages\Russian.isl"
Name: "en"; MessagesFile: "compiler:Default.isl"

[Files]
Source: "..\..\target\release\fialka.exe"; DestDir: "{app}"; Flags: ignoreversion
Source: "..\..\LICENSE"; DestDir: "{app}"; DestName: "LICENSE.txt"
Source: "{param:JOIN}"; DestDir: "{app}"; DestName: "academy.fialka"; Flags: external skipifsourcedoesntexist; Check: HasJoinFile

[Icons]
Name: "{group}\Fialka"; Filename: "{app}\fialka.exe"
Name: "{autodesktop}\Fialka"; Filename: "{app}\fialka.exe"

[Registry]
Root: HKLM; Subkey: "Software\Classes\.fialka"; ValueType: string; ValueData: "Fialka.Join"; Flags: uninsdeletevalue
Root: HKLM; Subkey: "Software\Classes\Fialka.Join"; ValueType: string; ValueData: "Fialka join file"; Flags: uninsdeletekey
Root: HKLM; Subkey: "Software\Classes\Fialka.Join\shell\open\command"; ValueType: string; ValueData: """{app}\fialka.exe"" ""%1"""

[Code]
function HasJoinFile: Boolean;
begin
  Result := ExpandConstant('{param:JOIN}') <> '';
end;
