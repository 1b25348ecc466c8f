//! Who works where, as what: thought up before anything is written.

use std::collections::BTreeSet;

use super::companies::{COMPANIES, Company};
use super::cultures::{Culture, Name};
use super::dice::Dice;

/// The landscape looks the same for everybody, so that documents can show it.
const SEED: u64 = 1888;

/// How long an external auditor is let in.
const MANDATE_DAYS: i64 = 60;

/// One of so many people is suspended.
const SUSPENDED_EVERY: usize = 130;

/// The whole landscape.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) people: Vec<Person>,
    pub(super) organizations: Vec<Organization>,
}

/// A user to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) username: String,
    pub(super) email: String,
    pub(super) phone: Option<String>,
    pub(super) external_id: String,
    pub(super) locale: &'static str,
    pub(super) time_zone: &'static str,
}

/// An organization to be.
#[derive(Debug)]
pub(super) struct Organization {
    pub(super) company: &'static Company,
    pub(super) roles: Vec<Role>,
    pub(super) members: Vec<Member>,
}

/// A role of an organization to be.
#[derive(Debug)]
pub(super) struct Role {
    pub(super) name: &'static str,
    pub(super) permissions: Vec<String>,
}

/// A membership to be.
#[derive(Debug)]
pub(super) struct Member {
    /// The place in [`Plan::people`].
    pub(super) person: usize,
    pub(super) title: &'static str,
    /// Whether they hold the deployment's own role for those who run an organization.
    pub(super) is_admin: bool,
    /// The places in [`Organization::roles`].
    pub(super) roles: BTreeSet<usize>,
    /// Days until the membership ends by itself.
    pub(super) days_left: Option<i64>,
    pub(super) is_suspended: bool,
}

impl Plan {
    pub(super) fn make() -> Self {
        let mut dice = Dice::new(SEED);
        let mut people = People::default();
        let mut organizations: Vec<_> = COMPANIES
            .iter()
            .map(|company| staffed(company, &mut people, &mut dice))
            .collect();
        invite_advisers(&mut organizations, &mut dice);
        Self {
            people: people.all,
            organizations,
        }
    }
}

/// A company with its own people.
fn staffed(company: &'static Company, people: &mut People, dice: &mut Dice) -> Organization {
    let roles = roles(company);
    let accounting = roles.len().saturating_sub(1);
    let mut members = Vec::new();
    for place in 0..company.staff {
        // Most people are from where the company is; the others make the world interesting.
        let elsewhere = COMPANIES
            .get(dice.below(COMPANIES.len()))
            .filter(|_| dice.chance(17));
        let culture = elsewhere.map_or(company.culture, |other| other.culture);
        let person = people.hire(culture, company.slug, dice);
        let mut held = BTreeSet::new();
        match place {
            0 => {}
            1 => held.extend([accounting]),
            2 => held.extend([0]),
            _ => held.extend([1 + dice.below(accounting.saturating_sub(1))]),
        }
        if dice.chance(10) {
            held.insert(accounting);
        }
        let title = if place == 0 {
            "Founder"
        } else {
            dice.pick(company.industry.titles)
        };
        members.push(Member {
            person,
            title,
            is_admin: place == 0 || dice.chance(4),
            roles: held,
            days_left: None,
            is_suspended: place > 0 && person.is_multiple_of(SUSPENDED_EVERY),
        });
    }
    Organization {
        company,
        roles,
        members,
    }
}

/// The roles of its trade, and one for those who pay the bills, under the name that they use.
fn roles(company: &Company) -> Vec<Role> {
    let accounting = (
        company.culture.accounting,
        "invoices:read invoices:pay contracts:read",
    );
    let texts = company.industry.roles.iter().copied().chain([accounting]);
    texts
        .map(|(name, permissions)| Role {
            name,
            permissions: permissions.split(' ').map(str::to_owned).collect(),
        })
        .collect()
}

/// Auditors and advisers work inside the companies of their clients too.
fn invite_advisers(organizations: &mut [Organization], dice: &mut Dice) {
    let advisers: Vec<usize> = organizations
        .iter()
        .filter(|organization| organization.company.advises())
        .flat_map(|organization| organization.members.iter().map(|member| member.person))
        .collect();
    let clients = organizations
        .iter_mut()
        .filter(|organization| !organization.company.advises());
    for client in clients {
        let accounting = client.roles.len().saturating_sub(1);
        let guests: BTreeSet<usize> = (0..dice.below(6)).map(|_| dice.pick(&advisers)).collect();
        client
            .members
            .extend(guests.into_iter().map(|person| Member {
                person,
                title: "External auditor",
                is_admin: false,
                roles: [accounting].into(),
                days_left: Some(MANDATE_DAYS),
                is_suspended: false,
            }));
    }
}

/// The people so far, with the names that are taken.
#[derive(Debug, Default)]
struct People {
    all: Vec<Person>,
    usernames: BTreeSet<String>,
}

impl People {
    /// Thinks up somebody whose address nobody else has; answers their place.
    fn hire(&mut self, culture: &'static Culture, slug: &str, dice: &mut Dice) -> usize {
        let (given, family) = (
            choose(&culture.given_names(), dice),
            choose(&culture.family_names(), dice),
        );
        let plain = format!("{}-{}", given.plain, family.plain);
        let namesakes = (2..).map(|number| format!("{plain}-{number}"));
        let username = std::iter::once(plain.clone())
            .chain(namesakes)
            .find(|name| !self.usernames.contains(name))
            .unwrap_or(plain);
        let place = self.all.len();
        // Numbers that the North American plan keeps for fiction.
        let phone = (culture.country == "US" && place < 10_000)
            .then(|| format!("+1202555{:04}", 100 + place % 100))
            .filter(|number| {
                self.all
                    .iter()
                    .all(|person| person.phone.as_ref() != Some(number))
            });
        self.all.push(Person {
            first_name: given.written.to_owned(),
            last_name: family.written.to_owned(),
            email: format!("{}@{slug}.example", username.replace('-', ".")),
            username: username.clone(),
            phone,
            external_id: format!("person-{:04}", place + 1),
            locale: culture.locale,
            time_zone: culture.time_zone,
        });
        self.usernames.insert(username);
        place
    }
}

fn choose(names: &[Name], dice: &mut Dice) -> Name {
    let nobody = || Name {
        written: "Nobody",
        plain: "nobody".to_owned(),
    };
    names
        .get(dice.below(names.len()))
        .cloned()
        .unwrap_or_else(nobody)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_for_everybody() {
        assert_eq!(format!("{:?}", Plan::make()), format!("{:?}", Plan::make()));
    }

    #[test]
    fn it_is_as_large_as_the_help_says() {
        let plan = Plan::make();
        assert_eq!((plan.organizations.len(), plan.people.len()), (30, 400));
        let locales: BTreeSet<_> = plan.people.iter().map(|person| person.locale).collect();
        assert!(locales.len() >= 15, "{locales:?}");
        let foreign = plan
            .people
            .iter()
            .filter(|person| !person.last_name.is_ascii())
            .count();
        assert!(foreign > 200, "{foreign}");
    }

    #[test]
    fn nobody_has_the_address_of_another_or_joins_twice() {
        let plan = Plan::make();
        let emails: BTreeSet<_> = plan.people.iter().map(|person| &person.email).collect();
        assert_eq!(emails.len(), plan.people.len());
        for organization in &plan.organizations {
            let members: BTreeSet<_> = organization
                .members
                .iter()
                .map(|member| member.person)
                .collect();
            assert_eq!(members.len(), organization.members.len());
            let roles = organization.roles.len();
            assert!(
                organization
                    .members
                    .iter()
                    .all(|member| member.roles.iter().all(|role| *role < roles))
            );
            assert!(organization.members.iter().any(|member| member.is_admin));
        }
    }

    #[test]
    fn some_members_are_let_in_for_a_time_and_a_few_are_suspended() {
        let plan = Plan::make();
        let members = plan.organizations.iter().flat_map(|one| &one.members);
        let (ending, staying): (Vec<_>, Vec<_>) =
            members.partition(|member| member.days_left.is_some());
        let suspended = staying.iter().filter(|member| member.is_suspended).count();
        assert!(ending.len() > 30, "{}", ending.len());
        assert!((1..5).contains(&suspended), "{suspended}");
    }

    #[test]
    fn some_people_belong_to_several_organizations() {
        let plan = Plan::make();
        let memberships: usize = plan.organizations.iter().map(|one| one.members.len()).sum();
        assert!(memberships > plan.people.len() + 30, "{memberships}");
    }
}
