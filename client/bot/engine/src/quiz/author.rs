//! Packs of one's own: checked, imported, shared, exported; results for their author only.

use super::{
    formats,
    pack::{Pack, Problem},
    shelf::{self, Shared, StoredPack},
};
use crate::{
    lang::{Lang, fold, say},
    output::{Output, To},
    people::Upload,
    step::{Caller, IN_CHARGE, Step},
    world::Rows,
};

const OWN_PACKS: usize = 30;
const PROBLEMS: usize = 10;

impl Step<'_> {
    /// `!pack …`.
    pub(crate) fn packs(&mut self, caller: Caller<'_>, rest: &str) {
        let (word, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let rest = rest.trim();
        match fold(word).as_str() {
            "импорт" | "загрузить" | "import" => {
                self.expect_file(caller, Upload::Import);
            }
            "проверить" | "check" => self.expect_file(caller, Upload::Check),
            "создать" | "create" | "new" => self.explain_format(caller),
            "экспорт" | "export" => self.with_own(caller, rest, Self::export),
            "результаты" | "results" => self.with_own(caller, rest, Self::results),
            "статистика" | "statistics" | "stats" => {
                self.with_own(caller, rest, Self::statistics);
            }
            "удалить" | "delete" => self.with_own(caller, rest, |step, caller, id| {
                step.world.packs.remove(&id);
                step.world.note(Rows::Packs, &id);
                let text = caller.lang.pick("Пак удалён.", "The pack is gone.");
                step.answer(caller, text.to_owned());
            }),
            "открыть" | "share" => self.share(caller, rest),
            _ => self.pack_help(caller),
        }
    }

    fn pack_help(&mut self, caller: Caller<'_>) {
        let text = caller.lang.pick(
            "**Свои викторины** (в личном чате со мной)\n\
             `!квиз создать` — как написать файл\n\
             `!квиз проверить`, затем файл — только проверка\n\
             `!квиз импорт`, затем файл (.txt, .csv, .gift, .yaml) — загрузить; тот же заголовок — новая версия\n\
             `!квиз экспорт пак`, `!квиз результаты пак` (CSV), `!квиз статистика пак`, `!квиз удалить пак`\n\
             `!квиз открыть пак` — в комнате класса: для неё; в личном чате (преподаватели): для всей академии",
            "**Quizzes of your own** (in a direct chat with me)\n\
             `!pack create` — how to write a file\n\
             `!pack check`, then a file — only checks it\n\
             `!pack import`, then a file (.txt, .csv, .gift, .yaml) — imports it; the same title makes a new version\n\
             `!pack export pack`, `!pack results pack` (CSV), `!pack statistics pack`, `!pack delete pack`\n\
             `!pack share pack` — in a class's room: for that room; in a direct chat (teachers): for the whole academy",
        );
        self.answer(caller, text.to_owned());
    }

    fn explain_format(&mut self, caller: Caller<'_>) {
        let text = caller.lang.pick(
            "Файл пишется в любом редакторе и сохраняется как .txt:\n```\n# Столицы\n? Столица Франции\n+ Париж\n- Лион\n- Ницца\n- Марсель\n! Париж — столица с 987 года.\n```\n«?» вопрос, «+» верный ответ, «-» неверные, «!» объяснение, «~» другое написание верного. Подойдут и таблица CSV (вопрос, верный, неверный, неверный, неверный, объяснение), и GIFT из Moodle.\nТеперь: `!квиз проверить` и файл.",
            "Write the file in any editor and save it as .txt:\n```\n# Capitals\n? The capital of France\n+ Paris\n- Lyon\n- Nice\n- Marseille\n! Paris has been it since 987.\n```\n“?” is the question, “+” the right answer, “-” wrong ones, “!” the explanation, “~” another spelling of the right one. A CSV table (question, right, wrong, wrong, wrong, why) and GIFT of Moodle will do as well.\nNow: `!pack check` and the file.",
        );
        self.answer(caller, text.to_owned());
    }

    fn expect_file(&mut self, caller: Caller<'_>, upload: Upload) {
        let lang = caller.lang;
        if !caller.place.direct {
            let text = lang.pick(
                "Файлы с вопросами — в личный чат со мной, чтобы их не увидели раньше времени.",
                "Send files with questions to me in a direct chat, so that nobody sees them too early.",
            );
            self.answer(caller, text.to_owned());
            return;
        }
        self.world.person_mut(&caller.sender.id).upload = Some(upload);
        let text = lang.pick("Жду файл.", "Send the file.");
        self.answer(caller, text.to_owned());
    }

    /// A file in a direct chat: a pack to check or to import.
    pub(crate) fn take_file(&mut self, caller: Caller<'_>, name: &str, text: Option<&str>) {
        let lang = caller.lang;
        let upload = self.world.person_mut(&caller.sender.id).upload.take();
        let Some(text) = text else {
            let text = lang.pick(
                "Этот файл не прочитать: нужен текст в UTF-8 не больше 256 КБ.",
                "This file cannot be read: it takes a text in UTF-8 of at most 256 KB.",
            );
            self.answer(caller, text.to_owned());
            return;
        };
        let pack = match formats::read(name, text) {
            Ok(pack) => pack,
            Err(problems) => {
                self.answer(caller, report(&problems, lang));
                return;
            }
        };
        let preview = preview(&pack, lang);
        if upload == Some(Upload::Import) {
            self.import(caller, pack, &preview);
        } else {
            let text = lang.pick(
                "Ошибок нет. Загрузить: `!квиз импорт` и файл ещё раз.",
                "No mistakes. To import it: `!pack import` and the file once more.",
            );
            self.answer(caller, format!("{preview}\n{text}"));
        }
    }

    fn import(&mut self, caller: Caller<'_>, mut pack: Pack, preview: &str) {
        let lang = caller.lang;
        let author = caller.sender.id.clone();
        let own = self
            .world
            .packs
            .iter()
            .filter(|(_, stored)| stored.author == author);
        let same = own
            .clone()
            .find(|(_, stored)| fold(&stored.pack.title) == fold(&pack.title));
        let same = same.map(|(id, _)| id.clone());
        if same.is_none() && own.count() >= OWN_PACKS {
            let text = lang.pick(
                "У вас уже 30 паков; удалите лишний: `!квиз удалить пак`.",
                "You have 30 packs; delete one first: `!pack delete pack`.",
            );
            self.answer(caller, text.to_owned());
            return;
        }
        let id = same.unwrap_or_else(|| format!("p{}", self.world.new_table_id()));
        let before = self.world.packs.get(&id);
        pack.version = before.map_or(1, |before| before.pack.version + 1);
        let version = pack.version;
        let title = pack.title.clone();
        let stored = StoredPack {
            pack,
            author,
            shared: before.map_or(Shared::Nobody, |before| before.shared.clone()),
            results: before
                .map(|before| before.results.clone())
                .unwrap_or_default(),
        };
        self.world.packs.insert(id.clone(), stored);
        self.world.note(Rows::Packs, &id);
        let text = say!(
            lang,
            "Загружено, версия {version}. Играть: `!викторина {title}`. Открыть другим: `!квиз открыть {title}`.",
            "Imported, version {version}. To play: `!quiz {title}`. To share: `!pack share {title}`."
        );
        self.answer(caller, format!("{preview}\n{text}"));
    }

    /// Does something with a pack of the sender, in the direct chat.
    fn with_own(
        &mut self,
        caller: Caller<'_>,
        name: &str,
        work: impl FnOnce(&mut Self, Caller<'_>, String),
    ) {
        let lang = caller.lang;
        let own = self.own_pack(caller, name);
        match own {
            Some(id) if caller.place.direct => work(self, caller, id),
            Some(_) => {
                let text = lang.pick("Об этом — в личном чате.", "Ask me that in a direct chat.");
                self.answer(caller, text.to_owned());
            }
            None => {
                let text = lang.pick("У вас нет такого пака.", "You have no such pack.");
                self.answer(caller, text.to_owned());
            }
        }
    }

    fn own_pack(&self, caller: Caller<'_>, name: &str) -> Option<String> {
        let visible = shelf::visible(self.world, &caller.sender.id, &caller.place.id);
        let own = visible
            .into_iter()
            .filter(|found| found.author == Some(&caller.sender.id))
            .collect();
        shelf::find(own, name, caller.lang).map(|found| found.id)
    }

    fn export(&mut self, caller: Caller<'_>, id: String) {
        if let Some(stored) = self.world.packs.get(&id) {
            self.outputs.push(Output::File {
                to: To::Room(caller.place.id.clone()),
                name: format!("{}.yaml", file_name(&stored.pack.title)),
                media_type: "application/yaml".to_owned(),
                text: formats::to_yaml(&stored.pack),
            });
        }
    }

    fn results(&mut self, caller: Caller<'_>, id: String) {
        let Some(stored) = self.world.packs.get(&id) else {
            return;
        };
        let mut table = csv::Writer::from_writer(Vec::new());
        // Writing to memory does not fail.
        let mut write = |row: [String; 6]| table.write_record(row).is_ok();
        let mut fine =
            write(["time", "person", "name", "points", "right", "asked"].map(str::to_owned));
        for row in &stored.results {
            fine &= write([
                (row.at / 1000).to_string(),
                row.person.clone(),
                harmless(&row.name),
                row.points.to_string(),
                row.right.to_string(),
                row.asked.to_string(),
            ]);
        }
        let text = table
            .into_inner()
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        if let (true, Some(text)) = (fine, text) {
            self.outputs.push(Output::File {
                to: To::Room(caller.place.id.clone()),
                name: format!("{}.csv", file_name(&stored.pack.title)),
                media_type: "text/csv".to_owned(),
                text,
            });
        }
    }

    fn statistics(&mut self, caller: Caller<'_>, id: String) {
        let lang = caller.lang;
        let (Some(stored), statistics) =
            (self.world.packs.get(&id), self.world.statistics.get(&id))
        else {
            return;
        };
        let title = &stored.pack.title;
        let mut text = say!(
            lang,
            "**{title}**: как отвечают\n",
            "**{title}**: how people answer\n"
        );
        let suspicious = statistics
            .map(shelf::ItemStatistics::suspicious)
            .unwrap_or_default();
        let items = statistics.map_or(&[][..], |statistics| &statistics.items);
        for (index, item) in items.iter().enumerate() {
            let all: u32 = item.iter().sum();
            let Some(question) = stored.pack.questions.get(index).filter(|_| all > 0) else {
                continue;
            };
            let percent = item[0] * 100 / all;
            let sign = if suspicious.contains(&index) {
                "⚠️ "
            } else {
                ""
            };
            text.push_str(&format!("{sign}{percent}% ({all}) {}\n", question.text));
        }
        if !suspicious.is_empty() {
            text.push_str(lang.pick(
                "⚠️ — большинство ошибается одинаково: возможно, вопрос неудачный.",
                "⚠️ — most are wrong in the same way: the question may be bad.",
            ));
        }
        self.answer(caller, text);
    }

    fn share(&mut self, caller: Caller<'_>, name: &str) {
        let lang = caller.lang;
        let Some(id) = self.own_pack(caller, name) else {
            let text = lang.pick("У вас нет такого пака.", "You have no such pack.");
            self.answer(caller, text.to_owned());
            return;
        };
        let is_teacher = self.settings.teachers.contains(&caller.sender.id);
        let shared = if caller.place.direct {
            is_teacher.then_some(Shared::Academy)
        } else {
            (caller.sender.power >= IN_CHARGE).then(|| Shared::Room(caller.place.id.clone()))
        };
        let text = match shared {
            Some(shared) => {
                if let Some(stored) = self.world.packs.get_mut(&id) {
                    stored.shared = shared;
                }
                self.world.note(Rows::Packs, &id);
                lang.pick("Готово: пак виден другим.", "Done: others see the pack.")
            }
            None => lang.pick(
                "Открыть пак может ведущий в своей комнате, для всей академии — преподаватель.",
                "Whoever leads a room shares packs there; a teacher shares with the whole academy.",
            ),
        };
        self.answer(caller, text.to_owned());
    }

    pub(crate) fn list_packs(&mut self, caller: Caller<'_>) {
        let lang = caller.lang;
        let mut packs = shelf::visible(self.world, &caller.sender.id, &caller.place.id);
        packs.sort_by_key(|found| (found.pack.lang != lang, found.pack.title.clone()));
        let mut text = lang.pick("**Викторины**\n", "**Quizzes**\n").to_owned();
        for found in packs {
            let (title, count) = (&found.pack.title, found.pack.questions.len());
            let id = &found.id;
            text.push_str(&say!(
                lang,
                "• {title} — `!викторина {id}` ({count})\n",
                "• {title} — `!quiz {id}` ({count})\n"
            ));
        }
        text.push_str(lang.pick(
            "Сколько вопросов и секунд на каждый: `!викторина python 5 20`; отвечать тайно: `!викторина python тайно`. Свои вопросы: `!квиз`.",
            "How many questions and seconds for each: `!quiz python 5 20`; to answer in secret: `!quiz python secret`. Your own questions: `!pack`.",
        ));
        self.answer(caller, text);
    }

    /// Removes a person's packs and their results in others'.
    pub(crate) fn forget_packs(&mut self, person: &str) -> bool {
        let mut found = false;
        let ids: Vec<String> = self.world.packs.keys().cloned().collect();
        for id in ids {
            let Some(stored) = self.world.packs.get_mut(&id) else {
                continue;
            };
            if stored.author == person {
                self.world.packs.remove(&id);
                self.world.note(Rows::Packs, &id);
                found = true;
            } else if stored.results.iter().any(|row| row.person == person) {
                stored.results.retain(|row| row.person != person);
                self.world.note(Rows::Packs, &id);
                found = true;
            }
        }
        found
    }
}

fn report(problems: &[Problem], lang: Lang) -> String {
    let count = problems.len();
    let mut text = say!(
        lang,
        "Нашлось ошибок: {count}\n",
        "Mistakes found: {count}\n"
    );
    for problem in problems.iter().take(PROBLEMS) {
        text.push_str(&format!("• {}\n", problem.say(lang)));
    }
    if count > PROBLEMS {
        text.push_str("…\n");
    }
    text
}

fn preview(pack: &Pack, lang: Lang) -> String {
    let (title, count) = (&pack.title, pack.questions.len());
    let mut text = say!(
        lang,
        "**{title}**, вопросов: {count}\n",
        "**{title}**, questions: {count}\n"
    );
    for question in pack.questions.iter().take(2) {
        text.push_str(&format!("❓ {}\n", question.text));
        for (index, answer) in question.answers.iter().enumerate() {
            let sign = if index == 0 { "✅" } else { "❌" };
            text.push_str(&format!("{sign} {answer}\n"));
        }
    }
    text
}

fn file_name(title: &str) -> String {
    let letter = |letter: char| {
        if letter.is_alphanumeric() {
            letter
        } else {
            '-'
        }
    };
    title.chars().take(40).map(letter).collect()
}

/// A spreadsheet must not take a name for a formula.
fn harmless(name: &str) -> String {
    if name.starts_with(['=', '+', '-', '@']) {
        format!("'{name}")
    } else {
        name.to_owned()
    }
}
