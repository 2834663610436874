//! The pictures of a comparison, by their number.
//! [spec](https://spec.matrix.org/v1.19/client-server-api/#sas-method-emoji)

use super::Language;

/// A picture, and what to call it when reading aloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SasEmoji {
    pub symbol: &'static str,
    russian: &'static str,
    english: &'static str,
}

impl SasEmoji {
    /// Its name.
    #[must_use]
    pub fn name(&self, language: Language) -> &'static str {
        match language {
            Language::Russian => self.russian,
            Language::English => self.english,
        }
    }
}

/// The picture with this number, below 64.
#[must_use]
pub fn emoji(number: u8) -> Option<&'static SasEmoji> {
    TABLE.get(usize::from(number))
}

const fn e(symbol: &'static str, russian: &'static str, english: &'static str) -> SasEmoji {
    SasEmoji {
        symbol,
        russian,
        english,
    }
}

static TABLE: [SasEmoji; 64] = [
    e("🐶", "Собака", "Dog"),
    e("🐱", "Кошка", "Cat"),
    e("🦁", "Лев", "Lion"),
    e("🐎", "Лошадь", "Horse"),
    e("🦄", "Единорог", "Unicorn"),
    e("🐷", "Поросёнок", "Pig"),
    e("🐘", "Слон", "Elephant"),
    e("🐰", "Кролик", "Rabbit"),
    e("🐼", "Панда", "Panda"),
    e("🐓", "Петух", "Rooster"),
    e("🐧", "Пингвин", "Penguin"),
    e("🐢", "Черепаха", "Turtle"),
    e("🐟", "Рыба", "Fish"),
    e("🐙", "Осьминог", "Octopus"),
    e("🦋", "Бабочка", "Butterfly"),
    e("🌷", "Цветок", "Flower"),
    e("🌳", "Дерево", "Tree"),
    e("🌵", "Кактус", "Cactus"),
    e("🍄", "Гриб", "Mushroom"),
    e("🌏", "Глобус", "Globe"),
    e("🌙", "Луна", "Moon"),
    e("☁️", "Облако", "Cloud"),
    e("🔥", "Огонь", "Fire"),
    e("🍌", "Банан", "Banana"),
    e("🍎", "Яблоко", "Apple"),
    e("🍓", "Клубника", "Strawberry"),
    e("🌽", "Кукуруза", "Corn"),
    e("🍕", "Пицца", "Pizza"),
    e("🎂", "Торт", "Cake"),
    e("❤️", "Сердце", "Heart"),
    e("😀", "Улыбка", "Smiley"),
    e("🤖", "Робот", "Robot"),
    e("🎩", "Шляпа", "Hat"),
    e("👓", "Очки", "Glasses"),
    e("🔧", "Гаечный ключ", "Spanner"),
    e("🎅", "Дед Мороз", "Santa"),
    e("👍", "Палец вверх", "Thumbs Up"),
    e("☂️", "Зонт", "Umbrella"),
    e("⌛", "Песочные часы", "Hourglass"),
    e("⏰", "Часы", "Clock"),
    e("🎁", "Подарок", "Gift"),
    e("💡", "Лампочка", "Light Bulb"),
    e("📕", "Книга", "Book"),
    e("✏️", "Карандаш", "Pencil"),
    e("📎", "Скрепка", "Paperclip"),
    e("✂️", "Ножницы", "Scissors"),
    e("🔒", "Замок", "Lock"),
    e("🔑", "Ключ", "Key"),
    e("🔨", "Молоток", "Hammer"),
    e("☎️", "Телефон", "Telephone"),
    e("🏁", "Флаг", "Flag"),
    e("🚂", "Поезд", "Train"),
    e("🚲", "Велосипед", "Bicycle"),
    e("✈️", "Самолёт", "Aeroplane"),
    e("🚀", "Ракета", "Rocket"),
    e("🏆", "Кубок", "Trophy"),
    e("⚽", "Мяч", "Ball"),
    e("🎸", "Гитара", "Guitar"),
    e("🎺", "Труба", "Trumpet"),
    e("🔔", "Колокол", "Bell"),
    e("⚓", "Якорь", "Anchor"),
    e("🎧", "Наушники", "Headphones"),
    e("📁", "Папка", "Folder"),
    e("📌", "Булавка", "Pin"),
];
