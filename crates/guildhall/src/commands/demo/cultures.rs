//! Names of people, by the places that they come from.

/// Where people come from, and what their names, languages and days are like.
#[derive(Debug)]
pub(super) struct Culture {
    /// ISO 3166.
    pub(super) country: &'static str,
    /// BCP 47.
    pub(super) locale: &'static str,
    /// IANA.
    pub(super) time_zone: &'static str,
    /// What the people who pay the bills are called there.
    pub(super) accounting: &'static str,
    given: &'static str,
    family: &'static str,
}

/// A name as it is written, and in the letters of an e-mail address.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub(super) written: &'static str,
    pub(super) plain: String,
}

impl Culture {
    pub(super) fn given_names(&self) -> Vec<Name> {
        names(self.given)
    }

    pub(super) fn family_names(&self) -> Vec<Name> {
        names(self.family)
    }
}

/// Reads `Zoé=zoe, Lena`; without a sign, a name is an address in lower case.
fn names(list: &'static str) -> Vec<Name> {
    let name = |text: &'static str| match text.split_once('=') {
        Some((written, plain)) => Name {
            written,
            plain: plain.to_owned(),
        },
        None => Name {
            written: text,
            plain: text.to_lowercase(),
        },
    };
    list.split(", ").map(name).collect()
}

pub(super) static BRAZIL: Culture = Culture {
    country: "BR",
    locale: "pt-BR",
    time_zone: "America/Sao_Paulo",
    accounting: "Contabilidade",
    given: "João=joao, Conceição=conceicao, Otávio=otavio, Luiza, Antônio=antonio, Iara, Moacir, Débora=debora",
    family: "Araújo=araujo, Guimarães=guimaraes, dos Santos=dossantos, Moraes, Brandão=brandao, Tanaka, Leão=leao, Assunção=assuncao",
};

pub(super) static BRITAIN: Culture = Culture {
    country: "GB",
    locale: "en-GB",
    time_zone: "Europe/London",
    accounting: "Accounts",
    given: "Imogen, Siân=sian, Callum, Niamh, Rhys, Zadie, Alasdair, Priya",
    family: "Ashworth, O’Sullivan=osullivan, MacLeod, Llewellyn, Okonkwo, Featherstone, Begum, St John=stjohn",
};

pub(super) static CHINA: Culture = Culture {
    country: "CN",
    locale: "zh-CN",
    time_zone: "Asia/Shanghai",
    accounting: "财务",
    given: "伟=wei, 秀英=xiuying, 小龙=xiaolong, 静怡=jingyi, 建国=jianguo, 子涵=zihan, 丽=li, 浩然=haoran",
    family: "王=wang, 李=li, 张=zhang, 欧阳=ouyang, 陈=chen, 赵=zhao, 诸葛=zhuge, 吕=lv",
};

pub(super) static EMIRATES: Culture = Culture {
    country: "AE",
    locale: "ar-AE",
    time_zone: "Asia/Dubai",
    accounting: "المحاسبة",
    given: "ليلى=layla, عمر=omar, فاطمة=fatima, خالد=khalid, مريم=maryam, يوسف=yusuf, نور=nour, طارق=tariq",
    family: "الحداد=alhaddad, النجار=alnajjar, خوري=khoury, بن راشد=binrashid, المنصوري=almansoori, قاسم=qasim, الزين=alzein, شاهين=shaheen",
};

pub(super) static FRANCE: Culture = Culture {
    country: "FR",
    locale: "fr-FR",
    time_zone: "Europe/Paris",
    accounting: "Comptabilité",
    given: "Élodie=elodie, François=francois, Zoé=zoe, Théo=theo, Amélie=amelie, Mathieu, Aïcha=aicha, Noël=noel",
    family: "Lefèvre=lefevre, Dubois, Gonçalves=goncalves, Béranger=beranger, d’Aubigné=daubigne, Moreau, Chaïb=chaib, Hervé=herve",
};

pub(super) static GERMANY: Culture = Culture {
    country: "DE",
    locale: "de-DE",
    time_zone: "Europe/Berlin",
    accounting: "Buchhaltung",
    given: "Jürgen=juergen, Lena, Björn=bjoern, Käthe=kaethe, Matthias, Sabine, Yusuf, Annegret",
    family: "Müller=mueller, Schäfer=schaefer, Weiß=weiss, Krüger=krueger, Hoffmann, Özdemir=oezdemir, von Bülow=vonbuelow, Lehmann",
};

pub(super) static GREECE: Culture = Culture {
    country: "GR",
    locale: "el-GR",
    time_zone: "Europe/Athens",
    accounting: "Λογιστήριο",
    given: "Ελένη=eleni, Γιώργος=giorgos, Δήμητρα=dimitra, Νίκος=nikos, Σοφία=sofia, Αλέξανδρος=alexandros, Χρήστος=christos, Ιωάννα=ioanna",
    family: "Παπαδοπούλου=papadopoulou, Οικονόμου=oikonomou, Καραγιάννης=karagiannis, Δημητρίου=dimitriou, Βλάχος=vlachos, Σταύρου=stavrou, Ψαράς=psaras, Ξενάκης=xenakis",
};

pub(super) static INDIA: Culture = Culture {
    country: "IN",
    locale: "hi-IN",
    time_zone: "Asia/Kolkata",
    accounting: "लेखा",
    given: "अनन्या=ananya, अर्जुन=arjun, प्रिया=priya, विक्रम=vikram, मीरा=meera, रोहन=rohan, लक्ष्मी=lakshmi, संजय=sanjay",
    family: "शर्मा=sharma, अय्यर=iyer, पटेल=patel, चटर्जी=chatterjee, सिंह=singh, रेड्डी=reddy, खान=khan, देशपांडे=deshpande",
};

pub(super) static JAPAN: Culture = Culture {
    country: "JP",
    locale: "ja-JP",
    time_zone: "Asia/Tokyo",
    accounting: "経理",
    given: "陽子=yoko, 健太=kenta, さくら=sakura, 大輔=daisuke, 美咲=misaki, 翔=sho, 恵=megumi, 直樹=naoki",
    family: "佐藤=sato, 鈴木=suzuki, 髙橋=takahashi, 田中=tanaka, 渡邊=watanabe, 伊藤=ito, 山本=yamamoto, 中村=nakamura",
};

pub(super) static KOREA: Culture = Culture {
    country: "KR",
    locale: "ko-KR",
    time_zone: "Asia/Seoul",
    accounting: "회계",
    given: "서연=seoyeon, 민준=minjun, 지우=jiwoo, 도윤=doyun, 하은=haeun, 현우=hyeonwoo, 수빈=subin, 예준=yejun",
    family: "김=kim, 이=lee, 박=park, 최=choi, 정=jeong, 남궁=namgung, 황보=hwangbo, 윤=yoon",
};

pub(super) static NIGERIA: Culture = Culture {
    country: "NG",
    locale: "yo-NG",
    time_zone: "Africa/Lagos",
    accounting: "Ìṣirò",
    given: "Adébáyọ̀=adebayo, Ṣadé=sade, Chidi, Ngọzi=ngozi, Ọláoyè=olaoye, Amara, Fúnmiláyọ̀=funmilayo, Emeka",
    family: "Adéyẹmí=adeyemi, Okafor, Ṣóyínká=soyinka, Nwachukwu, Ògúnlẹ́sì=ogunlesi, Bello, Ọ̀ṣúnbọ̀wálé=osunbowale, Eze",
};

pub(super) static NORWAY: Culture = Culture {
    country: "NO",
    locale: "nb-NO",
    time_zone: "Europe/Oslo",
    accounting: "Regnskap",
    given: "Øystein=oystein, Åse=aase, Þóra=thora, Sigurd, Bjørn=bjorn, Ingrid, Märta=marta, Kåre=kare",
    family: "Ødegård=odegard, Bjørnsen=bjornsen, Åkerström=akerstrom, Jónsdóttir=jonsdottir, Lund, Sæther=saether, Nygård=nygard, Hämäläinen=hamalainen",
};

pub(super) static POLAND: Culture = Culture {
    country: "PL",
    locale: "pl-PL",
    time_zone: "Europe/Warsaw",
    accounting: "Księgowość",
    given: "Łukasz=lukasz, Małgorzata=malgorzata, Wojciech, Zofia, Paweł=pawel, Agnieszka, Żaneta=zaneta, Stanisław=stanislaw",
    family: "Wójcik=wojcik, Kowalska, Dąbrowski=dabrowski, Źródło=zrodlo, Szczepański=szczepanski, Nowak, Łęcka=lecka, Gołąb=golab",
};

pub(super) static SPAIN: Culture = Culture {
    country: "ES",
    locale: "es-ES",
    time_zone: "Europe/Madrid",
    accounting: "Contabilidad",
    given: "Íñigo=inigo, María José=mariajose, Begoña=begona, Álvaro=alvaro, Lucía=lucia, Xavier, Inés=ines, Joaquín=joaquin",
    family: "Núñez=nunez, Ibáñez Ortega=ibanez, Peña=pena, García=garcia, Olivares, Muñoz Vélez=munoz, Puig i Ferrer=puig, Cortés=cortes",
};

pub(super) static TURKEY: Culture = Culture {
    country: "TR",
    locale: "tr-TR",
    time_zone: "Europe/Istanbul",
    accounting: "Muhasebe",
    given: "İbrahim=ibrahim, Ayşe=ayse, Çağla=cagla, Ömer=omer, Gülşen=gulsen, Işıl=isil, Emre, Şirin=sirin",
    family: "Yılmaz=yilmaz, Çelik=celik, Öztürk=ozturk, Şahin=sahin, Aydın=aydin, Güneş=gunes, Kılıç=kilic, Doğan=dogan",
};

pub(super) static UKRAINE: Culture = Culture {
    country: "UA",
    locale: "uk-UA",
    time_zone: "Europe/Kyiv",
    accounting: "Бухгалтерія",
    given: "Олена=olena, Тарас=taras, Соломія=solomiya, Андрій=andriy, Юлія=yuliya, Богдан=bohdan, Їржина=yirzhyna, Максим=maksym",
    family: "Шевченко=shevchenko, Коваленко=kovalenko, Гнатюк=hnatiuk, Мельник=melnyk, Щербак=shcherbak, Євтушенко=yevtushenko, Бондар=bondar, Лисенко=lysenko",
};

pub(super) static UNITED_STATES: Culture = Culture {
    country: "US",
    locale: "en-US",
    time_zone: "America/Chicago",
    accounting: "Billing",
    given: "Ava, Marcus, Renée=renee, Hunter, Xóchitl=xochitl, DeShawn, Grace, Mateo",
    family: "Stone, Washington, Nakamura, de la Cruz=delacruz, Begay, Kowalski, Nguyen, O’Neill=oneill",
};

pub(super) static VIETNAM: Culture = Culture {
    country: "VN",
    locale: "vi-VN",
    time_zone: "Asia/Ho_Chi_Minh",
    accounting: "Kế toán",
    given: "Hương=huong, Đức=duc, Thảo=thao, Quốc=quoc, Ngọc Ánh=ngocanh, Tuấn=tuan, Mỹ Linh=mylinh, Dũng=dung",
    family: "Nguyễn=nguyen, Trần=tran, Phạm=pham, Đặng=dang, Lê=le, Võ=vo, Bùi=bui, Huỳnh=huynh",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_plain_form() {
        let read: Vec<_> = names("Zoé=zoe, Lena")
            .into_iter()
            .map(|name| (name.written, name.plain))
            .collect();
        assert_eq!(
            read,
            [("Zoé", "zoe".to_owned()), ("Lena", "lena".to_owned())]
        );
    }
}
