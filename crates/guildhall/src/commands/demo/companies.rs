//! The companies of the landscape.

use super::cultures::{self as at, Culture};
use super::industries::{self as does, Industry};

/// A company, before it has people.
#[derive(Debug)]
pub(super) struct Company {
    pub(super) name: &'static str,
    pub(super) slug: &'static str,
    pub(super) description: &'static str,
    pub(super) plan: &'static str,
    pub(super) culture: &'static Culture,
    pub(super) industry: &'static Industry,
    pub(super) staff: usize,
}

impl Company {
    /// Whether its people work inside other companies, as guests.
    pub(super) fn advises(&self) -> bool {
        std::ptr::eq(self.industry, &raw const does::FINANCE)
    }
}

macro_rules! companies {
    ($($name:literal, $slug:literal, $culture:ident, $industry:ident, $staff:literal, $plan:literal: $description:literal;)+) => {
        /// Every company, in the order in which they signed up.
        pub(super) static COMPANIES: &[Company] = &[$(Company {
            name: $name,
            slug: $slug,
            description: $description,
            plan: $plan,
            culture: &at::$culture,
            industry: &does::$industry,
            staff: $staff,
        }),+];
    };
}

companies! {
    "Nordlicht Logistik GmbH", "nordlicht-logistik", GERMANY, LOGISTICS, 34, "enterprise":
        "Freight between Hamburg, Gdańsk and Gothenburg, by road and by sea.";
    "光陽ロボティクス", "koyo-robotics", JAPAN, MANUFACTURING, 22, "enterprise":
        "Small robots that pack lunch boxes and fold boxes.";
    "Łódzka Przędzalnia", "lodzka-przedzalnia", POLAND, MANUFACTURING, 18, "team":
        "A spinning mill from 1878 that weaves carbon fibre today.";
    "Çınar Mobilya", "cinar-mobilya", TURKEY, MANUFACTURING, 16, "team":
        "Walnut furniture, flat-packed in Kayseri.";
    "Olivares & Hijos", "olivares-hijos", SPAIN, FOOD, 12, "team":
        "Olive oil from four hundred trees that are older than the company.";
    "Blåbær Software AS", "blabaer-software", NORWAY, SOFTWARE, 9, "starter":
        "Booking for cabins without a road.";
    "Ελαία Φαρμακευτική", "elaia-pharma", GREECE, HEALTH, 14, "team":
        "Ointments and eye drops for the islands.";
    "Дніпро Аналітика", "dnipro-analytics", UKRAINE, SOFTWARE, 11, "team":
        "Forecasts of harvests from pictures of satellites.";
    "शक्ति सौर ऊर्जा", "shakti-solar", INDIA, ENERGY, 10, "team":
        "Solar pumps for villages, paid for by the hour.";
    "青山茶业", "qingshan-tea", CHINA, FOOD, 13, "team":
        "White tea from three valleys, traced to the bush.";
    "한빛 게임즈", "hanbit-games", KOREA, SOFTWARE, 8, "starter":
        "Quiet games about tending a lighthouse.";
    "Sông Hồng Logistics", "song-hong-logistics", VIETNAM, LOGISTICS, 24, "enterprise":
        "Barges on the Red River, motorbikes for the last mile.";
    "Adéyẹmí & Daughters", "adeyemi-daughters", NIGERIA, FINANCE, 12, "team":
        "Bookkeeping for markets that never close.";
    "دار النخيل للنشر", "dar-al-nakheel", EMIRATES, MEDIA, 15, "team":
        "Picture books in Arabic, for children and for those who read to them.";
    "Estúdio Sabiá", "estudio-sabia", BRAZIL, MEDIA, 9, "starter":
        "Posters, record sleeves and the typefaces that they need.";
    "Harbour & Finch LLP", "harbour-finch", BRITAIN, FINANCE, 17, "team":
        "Auditors to family firms since the penny was copper.";
    "Redwood Clinic Group", "redwood-clinics", UNITED_STATES, HEALTH, 28, "enterprise":
        "Nine clinics where the next hospital is two hours away.";
    "Atelier Brûlé", "atelier-brule", FRANCE, FOOD, 11, "starter":
        "Caramel, and what can be done with it.";
    "Estación Ñandú", "estacion-nandu", SPAIN, MEDIA, 7, "starter":
        "A radio of birds, wind and the people who watch them.";
    "Fjellvann Kraft", "fjellvann-kraft", NORWAY, ENERGY, 8, "team":
        "Forty small turbines in forty small streams.";
    "Brightwater College", "brightwater-college", BRITAIN, EDUCATION, 12, "team":
        "Evening courses for boat builders and beekeepers.";
    "École du Vent", "ecole-du-vent", FRANCE, EDUCATION, 10, "starter":
        "A school for those who climb wind turbines.";
    "Krüger Krüger & Weiß", "krueger-krueger-weiss", GERMANY, FINANCE, 6, "starter":
        "Insolvency, handled gently.";
    "Cooperativa Sol Nascente", "sol-nascente", BRAZIL, ENERGY, 13, "team":
        "Rooftops that sell to the neighbours.";
    "Mitsuba Clinic 三つ葉", "mitsuba-clinic", JAPAN, HEALTH, 5, "starter":
        "A family practice with a garden.";
    "Lagos Lightning Couriers", "lagos-lightning", NIGERIA, LOGISTICS, 12, "team":
        "Parcels across the lagoon before the rain.";
    "Prairie Grain Exchange", "prairie-grain", UNITED_STATES, FOOD, 20, "enterprise":
        "Where elevators find mills, and mills find bakers.";
    "Hồ Gươm Ceramics", "ho-guom-ceramics", VIETNAM, MANUFACTURING, 10, "starter":
        "Bowls, thrown by hand and fired with rice husks.";
    "Τρία Κύματα", "tria-kymata", GREECE, SOFTWARE, 6, "starter":
        "Ferry timetables that tell the truth.";
    "Jasmine Tree Studio", "jasmine-tree", EMIRATES, SOFTWARE, 8, "starter":
        "Apps for weddings of a thousand guests.";
}
