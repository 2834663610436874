//! Names of accounts, made of names of people.

use std::collections::HashSet;

/// Letters of a login at most.
const MAX_LENGTH: usize = 40;

/// A login for somebody: the surname and the first letter of the name, in Latin letters, with a number if it is taken.
pub(super) fn login(surname: &str, name: &str, taken: &HashSet<String>) -> String {
    let mut base = latin(surname);
    if let Some(initial) = latin(name).chars().next() {
        base.push('.');
        base.push(initial);
    }
    let mut base: String = base.chars().take(MAX_LENGTH).collect();
    if base.is_empty() {
        base.push_str("user");
    }
    if !taken.contains(&base) {
        return base;
    }
    let mut number = 2;
    loop {
        let numbered = format!("{base}{number}");
        if !taken.contains(&numbered) {
            return numbered;
        }
        number += 1;
    }
}

/// A text in the letters that a login may have.
fn latin(text: &str) -> String {
    let mut latin = String::new();
    for letter in text.chars().flat_map(char::to_lowercase) {
        match letter {
            'a'..='z' | '0'..='9' => latin.push(letter),
            '-' | ' ' if !latin.is_empty() => latin.push('-'),
            letter => latin.push_str(cyrillic(letter)),
        }
    }
    latin.trim_end_matches('-').to_owned()
}

/// A Russian letter as passports write it.
fn cyrillic(letter: char) -> &'static str {
    match letter {
        'а' => "a",
        'б' => "b",
        'в' => "v",
        'г' | 'ґ' => "g",
        'д' => "d",
        'е' | 'ё' | 'э' | 'є' => "e",
        'ж' => "zh",
        'з' => "z",
        'и' | 'й' | 'і' | 'ї' => "i",
        'к' => "k",
        'л' => "l",
        'м' => "m",
        'н' => "n",
        'о' => "o",
        'п' => "p",
        'р' => "r",
        'с' => "s",
        'т' => "t",
        'у' => "u",
        'ф' => "f",
        'х' => "kh",
        'ц' => "ts",
        'ч' => "ch",
        'ш' => "sh",
        'щ' => "shch",
        'ъ' => "ie",
        'ы' => "y",
        'ю' => "iu",
        'я' => "ia",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_made_of_names() {
        let none = HashSet::new();
        assert_eq!(login("Иванов", "Пётр", &none), "ivanov.p");
        assert_eq!(login("Щукина-Юрьева", "Анна", &none), "shchukina-iureva.a");
        assert_eq!(login("O'Neill", "", &none), "oneill");
        assert_eq!(login("李", "雷", &none), "user");
    }

    #[test]
    fn namesakes_get_numbers() {
        let taken = HashSet::from(["ivanov.p".to_owned(), "ivanov.p2".to_owned()]);
        assert_eq!(login("Иванов", "Павел", &taken), "ivanov.p3");
    }
}
