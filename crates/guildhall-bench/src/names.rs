//! Names that could be real, in several alphabets.

use crate::random::Random;

const TRADES: &[&str] = &[
    "Logistik",
    "Bäckerei",
    "Großhandel",
    "Software",
    "Studios",
    "Électricité",
    "Menuiserie",
    "Traiteur",
    "Consulting",
    "Robotics",
    "Analytics",
    "Ingeniería",
    "Panadería",
    "Budownictwo",
    "Żegluga",
    "Møbler",
    "Fiskeri",
    "İnşaat",
    "Строй",
    "Логистика",
    "物流",
    "製作所",
    "Πλοία",
    "Energy",
    "Insurance",
    "Labs",
];
const FORMS: &[&str] = &[
    "GmbH",
    "AG",
    "Ltd",
    "Inc",
    "SA",
    "SARL",
    "S.L.",
    "Sp. z o.o.",
    "AS",
    "ApS",
    "AB",
    "Oy",
    "A.Ş.",
    "ООО",
    "株式会社",
    "& Co",
    "& Söhne",
    "Group",
];
const CITIES: &[&str] = &[
    "Köln",
    "München",
    "Zürich",
    "Łódź",
    "Kraków",
    "Málaga",
    "Århus",
    "Malmö",
    "İzmir",
    "São Paulo",
    "Genève",
    "Lyon",
    "Porto",
    "Dublin",
    "Boston",
    "Austin",
    "Київ",
    "大阪",
    "Αθήνα",
    "Praha",
    "Győr",
    "Leeds",
];
const FIRST_NAMES: &[&str] = &[
    "Ava",
    "Noah",
    "Zoë",
    "Łukasz",
    "Søren",
    "José",
    "Anaïs",
    "Jürgen",
    "Özge",
    "Yuki",
    "Olga",
    "Dmitri",
    "Chloé",
    "Björn",
    "Siobhán",
    "Mehmet",
    "Priya",
    "Wei",
    "Fatima",
    "Kwame",
    "花子",
    "Юлия",
    "Νίκος",
    "Emma",
    "Liam",
];
const LAST_NAMES: &[&str] = &[
    "Müller",
    "Schäfer",
    "Nowak",
    "Wójcik",
    "Sørensen",
    "García",
    "Núñez",
    "Lefèvre",
    "Yıldız",
    "Tanaka",
    "Иванова",
    "Παπαδόπουλος",
    "O’Brien",
    "Smith",
    "Okafor",
    "Patel",
    "Chen",
    "Åkesson",
    "Dvořák",
    "Costa",
    "佐藤",
    "Brown",
];
const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
const VOWELS: &[u8; 4] = b"aeio";

/// A made-up word of eight letters, another one for each index below 2^24: what a search for one thing asks for.
pub(crate) fn brand(index: u64) -> String {
    // Odd, so that no two indexes below 2^24 meet.
    let mixed = index.wrapping_mul(0x9e37_79b1) & 0xff_ffff;
    let letter = |letters: &[u8], bits: u64| {
        let index = usize::try_from(bits).unwrap_or_default() % letters.len();
        letters.get(index).copied().map_or('a', char::from)
    };
    (0..4)
        .map(|syllable| mixed >> (6 * syllable))
        .flat_map(|bits| {
            [
                letter(CONSONANTS, bits & 15),
                letter(VOWELS, (bits >> 4) & 3),
            ]
        })
        .collect()
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// The name of an organization; the brand of its index is in it.
pub(crate) fn organization(index: u64, random: &mut Random) -> String {
    let brand = capitalised(&brand(index));
    let (trade, form) = (random.word(TRADES), random.word(FORMS));
    match random.below(3) {
        0 => format!("{brand} {trade} {form}"),
        1 => format!("{} {brand} {form}", random.word(LAST_NAMES)),
        _ => format!("{brand} {trade} {}", random.word(CITIES)),
    }
}

pub(crate) fn description(random: &mut Random) -> String {
    format!("{} in {}", random.word(TRADES), random.word(CITIES))
}

pub(crate) fn person(random: &mut Random) -> (&'static str, &'static str) {
    (random.word(FIRST_NAMES), random.word(LAST_NAMES))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_brands_are_alike() {
        let brands: BTreeSet<String> = (0..100_000).map(brand).collect();
        assert_eq!(brands.len(), 100_000);
        assert!(
            brands
                .iter()
                .all(|brand| brand.len() == 8 && brand.is_ascii())
        );
    }

    #[test]
    fn a_name_holds_its_brand() {
        for index in 0..100 {
            let name = organization(index, &mut Random::of(1, index));
            assert!(name.to_lowercase().contains(&brand(index)), "{name}");
        }
    }
}
