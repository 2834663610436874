; The installer for Windows 10 and later, 64 bit; `cargo xtask package windows` makes it, on Linux.
;
; For everybody at a computer and without a question, as administrator:
;   fialka-setup.exe /S /JOIN=\\server\share\academy.fialka
;   "C:\Program Files\Fialka\uninstall.exe" /S
; With a join file the program leads to the academy's server; without one, the file of the version before is kept.
; Ends with 0, with 2 when something could not be written, with 3 when there is no such join file.
;
; Given by the command: VERSION, PROGRAM (fialka.exe), OUTPUT.

Target amd64-unicode
Unicode true
SetCompressor /SOLID lzma
ManifestDPIAware true
RequestExecutionLevel admin
AllowSkipFiles off

!include FileFunc.nsh
!include LogicLib.nsh
!include MUI2.nsh
!include WordFunc.nsh

!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\Fialka"
!define CLASSES "Software\Classes"

Name "Fialka"
OutFile "${OUTPUT}"
InstallDir "$PROGRAMFILES64\Fialka"
VIProductVersion "${VERSION}.0"

!define MUI_ICON "fialka.ico"
!define MUI_UNICON "fialka.ico"
!define MUI_WELCOMEFINISHPAGE_BITMAP "windows-side.bmp"
!define MUI_WELCOMEPAGE_TEXT "$(WELCOME)"
!insertmacro MUI_PAGE_WELCOME
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES

; The first one is for systems in other languages.
!insertmacro MUI_LANGUAGE "Russian"
!insertmacro MUI_LANGUAGE "English"
LangString WELCOME ${LANG_RUSSIAN} "Переписка, файлы и занятия в сети академии. Фиалка будет установлена для всех, кто работает за этим компьютером."
LangString WELCOME ${LANG_ENGLISH} "Messages, files and classes on the academy's own network. Fialka will be installed for everybody who uses this computer."
LangString NO_JOIN_FILE ${LANG_RUSSIAN} "Файл подключения не найден: $JoinFile"
LangString NO_JOIN_FILE ${LANG_ENGLISH} "There is no such join file: $JoinFile"
LangString JOIN_FILE ${LANG_RUSSIAN} "Файл подключения к Fialka"
LangString JOIN_FILE ${LANG_ENGLISH} "Fialka join file"

VIAddVersionKey /LANG=${LANG_ENGLISH} ProductName "Fialka"
VIAddVersionKey /LANG=${LANG_ENGLISH} FileDescription "Fialka"
VIAddVersionKey /LANG=${LANG_ENGLISH} FileVersion "${VERSION}"
VIAddVersionKey /LANG=${LANG_ENGLISH} LegalCopyright ""

Var JoinFile

Function .onInit
  SetShellVarContext all
  ${GetParameters} $0
  ; Some shells put the whole argument into quotes, which is not understood below.
  ${WordReplace} $0 '"/JOIN=' '/JOIN="' "+" $0
  ${GetOptions} $0 "/JOIN=" $JoinFile
  ${If} $JoinFile != ""
  ${AndIfNot} ${FileExists} "$JoinFile"
    MessageBox MB_ICONSTOP "$(NO_JOIN_FILE)" /SD IDOK
    SetErrorLevel 3
    Quit
  ${EndIf}
FunctionEnd

Function un.onInit
  SetShellVarContext all
FunctionEnd

Section
  SetOutPath "$INSTDIR"
  ; A program that runs cannot be replaced, but it can be renamed; it goes away with the next start of the computer.
  ${If} ${FileExists} "$INSTDIR\fialka.exe"
    ClearErrors
    Delete "$INSTDIR\fialka.exe"
    ${If} ${Errors}
      Delete "$INSTDIR\fialka-before.exe"
      Rename "$INSTDIR\fialka.exe" "$INSTDIR\fialka-before.exe"
      Delete /REBOOTOK "$INSTDIR\fialka-before.exe"
    ${EndIf}
  ${EndIf}
  File "/oname=fialka.exe" "${PROGRAM}"
  File "/oname=LICENSE.txt" "../../LICENSE"
  File "/oname=Inter-LICENSE.txt" "../../client/ui/assets/fonts/Inter-LICENSE.txt"
  File "/oname=JetBrainsMono-LICENSE.txt" "../../client/ui/assets/fonts/JetBrainsMono-LICENSE.txt"
  File "/oname=NotoEmoji-LICENSE.txt" "../../client/ui/assets/fonts/NotoEmoji-LICENSE.txt"
  File "/oname=emoji-LICENSE.txt" "../../client/ui/assets/emoji-LICENSE.txt"
  ${If} $JoinFile != ""
    ClearErrors
    CopyFiles /SILENT "$JoinFile" "$INSTDIR\academy.fialka"
    ${If} ${Errors}
      Abort
    ${EndIf}
  ${EndIf}
  WriteUninstaller "$INSTDIR\uninstall.exe"

  CreateShortcut "$SMPROGRAMS\Fialka.lnk" "$INSTDIR\fialka.exe"
  CreateShortcut "$DESKTOP\Fialka.lnk" "$INSTDIR\fialka.exe"
  WriteRegStr HKLM "${CLASSES}\.fialka" "" "Fialka.Join"
  WriteRegStr HKLM "${CLASSES}\Fialka.Join" "" "$(JOIN_FILE)"
  WriteRegStr HKLM "${CLASSES}\Fialka.Join\DefaultIcon" "" "$INSTDIR\fialka.exe,0"
  WriteRegStr HKLM "${CLASSES}\Fialka.Join\shell\open\command" "" '"$INSTDIR\fialka.exe" "%1"'
  ${RefreshShellIcons}

  WriteRegStr HKLM "${UNINSTALL}" "DisplayName" "Fialka"
  WriteRegStr HKLM "${UNINSTALL}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKLM "${UNINSTALL}" "DisplayIcon" "$INSTDIR\fialka.exe,0"
  WriteRegStr HKLM "${UNINSTALL}" "Publisher" "Fialka"
  WriteRegStr HKLM "${UNINSTALL}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKLM "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKLM "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKLM "${UNINSTALL}" "NoModify" 1
  WriteRegDWORD HKLM "${UNINSTALL}" "NoRepair" 1
  ${GetSize} "$INSTDIR" "/S=0K" $0 $1 $2
  WriteRegDWORD HKLM "${UNINSTALL}" "EstimatedSize" $0
SectionEnd

; What people have written stays in their own folders.
Section Uninstall
  Delete /REBOOTOK "$INSTDIR\fialka.exe"
  Delete /REBOOTOK "$INSTDIR\fialka-before.exe"
  Delete "$INSTDIR\academy.fialka"
  Delete "$INSTDIR\*-LICENSE.txt"
  Delete "$INSTDIR\LICENSE.txt"
  Delete "$INSTDIR\uninstall.exe"
  RMDir /REBOOTOK "$INSTDIR"
  Delete "$SMPROGRAMS\Fialka.lnk"
  Delete "$DESKTOP\Fialka.lnk"
  DeleteRegValue HKLM "${CLASSES}\.fialka" ""
  DeleteRegKey /ifempty HKLM "${CLASSES}\.fialka"
  DeleteRegKey HKLM "${CLASSES}\Fialka.Join"
  DeleteRegKey HKLM "${UNINSTALL}"
  ${RefreshShellIcons}
SectionEnd
