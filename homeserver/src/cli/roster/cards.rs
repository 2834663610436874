//! Cards with codes, to be printed and cut: two in a row, in Russian and English.

use crate::roster::PrintedCode;

const HEAD: &str = r#"<!DOCTYPE html>
<html lang="ru">
<meta charset="utf-8">
<title>Fialka</title>
<style>
body { font: 11pt/1.35 sans-serif; margin: 8mm; }
main { display: grid; grid-template-columns: 1fr 1fr; }
section { border: 1px dashed #777; padding: 5mm; break-inside: avoid; }
h2 { font-size: 12pt; margin: 0 0 2mm; }
dl { display: grid; grid-template-columns: auto 1fr; gap: 1mm 4mm; margin: 0 0 2mm; }
dd { margin: 0; font: bold 12pt monospace; }
p { margin: 0; font-size: 9pt; color: #444; }
</style>
<main>
"#;

/// A page of cards.
pub(super) fn page(codes: &[PrintedCode], address: &str) -> String {
    let mut page = HEAD.to_owned();
    for code in codes {
        page += &card(code, address);
    }
    page + "</main>\n</html>\n"
}

fn card(code: &PrintedCode, address: &str) -> String {
    let person = &code.person;
    format!(
        "<section>\n<h2>{} {} · {}</h2>\n<dl>\n<dt>Сервер / Server</dt><dd>{}</dd>\n<dt>Логин / Login</dt><dd>{}</dd>\n\
         <dt>Код / Code</dt><dd>{}</dd>\n</dl>\n<p>Войдите с этим кодом вместо пароля и сразу смените его в настройках. \
         Никому не показывайте карточку.</p>\n<p>Sign in with this code as the password and choose your own in the \
         settings. Show this card to nobody.</p>\n</section>\n",
        html(&person.surname),
        html(&person.name),
        html(&person.classes.join(", ")),
        html(address),
        html(code.user_id.localpart()),
        html(&code.code),
    )
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
