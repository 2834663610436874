//! Which articles of the help fit a question.
//!
//! Words are compared by their beginnings, since both languages change the ends; one wrong letter is forgiven in longer
//! words. A word that stands in few articles says more than one that stands in many.

/// What is searched of an article.
#[derive(Debug, Clone, Copy)]
pub struct Searched<'a> {
    pub title: &'a str,
    /// Other words people use for it.
    pub words: &'a str,
    pub text: &'a str,
}

/// What a word is worth in each of the three.
const WEIGHTS: [f32; 3] = [4.0, 3.0, 1.0];
/// What a word with a wrong letter keeps of its worth.
const TYPO: f32 = 0.6;
/// Words that every question has.
const EMPTY: [&str; 40] = [
    "как", "что", "где", "кто", "это", "мне", "мой", "моя", "моё", "мои", "для", "или", "если",
    "нет", "не", "на", "в", "и", "я", "с", "по", "у", "the", "how", "do", "does", "what", "where",
    "who", "is", "are", "my", "to", "in", "on", "of", "for", "can", "i", "a",
];

/// The numbers of the articles that fit, the best first.
#[must_use]
pub fn rank(question: &str, articles: &[Searched<'_>]) -> Vec<usize> {
    let wanted: Vec<String> = words(question)
        .filter(|word| !EMPTY.contains(&word.as_str()))
        .collect();
    let indexed: Vec<[Vec<String>; 3]> = articles
        .iter()
        .map(|article| {
            [article.title, article.words, article.text].map(|text| words(text).collect())
        })
        .collect();
    let mut scores = vec![0.0_f32; articles.len()];
    for word in &wanted {
        let found: Vec<f32> = indexed.iter().map(|fields| worth(word, fields)).collect();
        let hits = found.iter().filter(|worth| **worth > 0.0).count();
        if hits == 0 {
            continue;
        }
        let rarity = (articles.len() as f32 / hits as f32).ln() + 0.3;
        for (score, worth) in scores.iter_mut().zip(found) {
            *score += worth * rarity;
        }
    }
    let mut order: Vec<usize> = (0..articles.len()).filter(|at| scores[*at] > 0.0).collect();
    order.sort_by(|first, second| scores[*second].total_cmp(&scores[*first]));
    // The long tail only shares a common word.
    let best = order.first().map_or(0.0, |at| scores[*at]);
    order.retain(|at| scores[*at] >= best * 0.25);
    order
}

fn worth(word: &str, fields: &[Vec<String>; 3]) -> f32 {
    let in_field = |(field, weight): (&Vec<String>, f32)| {
        let best = field.iter().map(|other| likeness(word, other));
        weight * best.fold(0.0, f32::max)
    };
    fields.iter().zip(WEIGHTS).map(in_field).sum()
}

/// 1 for the same word, with another end too; less with a wrong letter; 0 for another word.
fn likeness(word: &str, other: &str) -> f32 {
    if word == other {
        return 1.0;
    }
    let (word, other): (Vec<char>, Vec<char>) = (stem(word), stem(other));
    if word.len() < 3 || other.len() < 3 {
        return 0.0;
    }
    if word == other {
        return 1.0;
    }
    let close =
        word.len() >= 4 && word.len().abs_diff(other.len()) <= 1 && is_one_off(&word, &other);
    if close { TYPO } else { 0.0 }
}

/// The part of a word that its forms share.
fn stem(word: &str) -> Vec<char> {
    let letters: Vec<char> = word.chars().collect();
    let kept = match letters.len() {
        0..=4 => letters.len(),
        5..=6 => letters.len() - 1,
        7 => 5,
        _ => 6,
    };
    letters[..kept].to_vec()
}

/// Whether one letter more, less or different makes one of the other, or two neighbours changed places.
fn is_one_off(first: &[char], second: &[char]) -> bool {
    let same = first.iter().zip(second).take_while(|(a, b)| a == b).count();
    let (a, b) = (&first[same..], &second[same..]);
    let swapped = a.len() >= 2 && b.len() >= 2 && a[0] == b[1] && a[1] == b[0] && a[2..] == b[2..];
    let changed = a.len() == b.len() && a.get(1..) == b.get(1..);
    swapped || changed || (!a.is_empty() && a[1..] == *b) || (!b.is_empty() && *a == b[1..])
}

fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word.to_lowercase().replace('ё', "е"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: Searched<'_> = Searched {
        title: "Как отправить файл?",
        words: "документ вложение прикрепить переслать",
        text: "Нажмите скрепку или перетащите файл в окно.",
    };
    const PASSWORD: Searched<'_> = Searched {
        title: "Забыл пароль",
        words: "сбросить восстановить",
        text: "Обратитесь к преподавателю. Файл восстановления не нужен.",
    };

    fn best(question: &str) -> Option<usize> {
        rank(question, &[FILES, PASSWORD]).first().copied()
    }

    #[test]
    fn forms_of_words_are_found() {
        assert_eq!(best("отправка файлов"), Some(0));
        assert_eq!(best("я забыла пароли"), Some(1));
    }

    #[test]
    fn other_words_for_the_same_are_found() {
        assert_eq!(best("как прикрепить документы"), Some(0));
    }

    #[test]
    fn one_wrong_letter_is_forgiven() {
        assert_eq!(best("парль"), Some(1));
        assert_eq!(best("прикрепитть"), Some(0));
    }

    #[test]
    fn what_fits_nothing_finds_nothing() {
        assert_eq!(best("погода в Ростове"), None);
        assert_eq!(best(""), None);
    }
}
