//! What companies do, and which roles and titles that brings.

/// A custom role: its name, and its permissions separated by spaces.
pub(super) type RoleText = (&'static str, &'static str);

/// A line of business.
#[derive(Debug)]
pub(super) struct Industry {
    pub(super) name: &'static str,
    /// The first is for those who lead, the others for those who do.
    pub(super) roles: &'static [RoleText],
    pub(super) titles: &'static [&'static str],
}

pub(super) static EDUCATION: Industry = Industry {
    name: "education",
    roles: &[
        (
            "Registrar",
            "courses:read courses:write students:read students:write grades:read",
        ),
        (
            "Teacher",
            "courses:read students:read grades:read grades:write",
        ),
    ],
    titles: &[
        "Lecturer",
        "Course coordinator",
        "Student adviser",
        "Librarian",
    ],
};

pub(super) static ENERGY: Industry = Industry {
    name: "energy",
    roles: &[
        (
            "Grid operator",
            "plants:read plants:control alarms:read alarms:acknowledge",
        ),
        (
            "Field technician",
            "plants:read maintenance:read maintenance:write",
        ),
    ],
    titles: &["Site engineer", "Technician", "Planner", "Energy trader"],
};

pub(super) static FINANCE: Industry = Industry {
    name: "finance",
    roles: &[
        (
            "Compliance officer",
            "accounts:read transactions:read transactions:hold reports:read reports:file",
        ),
        (
            "Adviser",
            "accounts:read transactions:read clients:read clients:write",
        ),
    ],
    titles: &["Analyst", "Partner", "Case manager", "Auditor"],
};

pub(super) static FOOD: Industry = Industry {
    name: "food",
    roles: &[
        (
            "Quality",
            "batches:read batches:release batches:block suppliers:read",
        ),
        (
            "Sales",
            "orders:read orders:write customers:read customers:write prices:read",
        ),
    ],
    titles: &["Taster", "Buyer", "Shift lead", "Export manager"],
};

pub(super) static HEALTH: Industry = Industry {
    name: "health",
    roles: &[
        (
            "Clinician",
            "patients:read patients:write prescriptions:write appointments:read",
        ),
        (
            "Reception",
            "appointments:read appointments:write patients:read",
        ),
    ],
    titles: &["Physician", "Nurse", "Pharmacist", "Clinic manager"],
};

pub(super) static LOGISTICS: Industry = Industry {
    name: "logistics",
    roles: &[
        (
            "Dispatcher",
            "shipments:read shipments:write routes:read routes:write drivers:read",
        ),
        ("Driver", "shipments:read deliveries:confirm"),
    ],
    titles: &[
        "Dispatcher",
        "Warehouse lead",
        "Customs clerk",
        "Fleet manager",
        "Driver",
    ],
};

pub(super) static MANUFACTURING: Industry = Industry {
    name: "manufacturing",
    roles: &[
        (
            "Plant manager",
            "lines:read lines:control orders:read orders:schedule reports:read",
        ),
        ("Operator", "lines:read incidents:write"),
    ],
    titles: &[
        "Machinist",
        "Process engineer",
        "Quality inspector",
        "Buyer",
    ],
};

pub(super) static MEDIA: Industry = Industry {
    name: "media",
    roles: &[
        (
            "Editor",
            "articles:read articles:write articles:publish images:write",
        ),
        ("Contributor", "articles:read articles:write"),
    ],
    titles: &["Art director", "Copy editor", "Illustrator", "Producer"],
};

pub(super) static SOFTWARE: Industry = Industry {
    name: "software",
    roles: &[
        (
            "Maintainer",
            "repositories:read repositories:write releases:publish secrets:rotate",
        ),
        (
            "Developer",
            "repositories:read repositories:write builds:run",
        ),
        ("Support", "tickets:read tickets:answer customers:read"),
    ],
    titles: &[
        "Engineer",
        "Product manager",
        "Designer",
        "Support engineer",
        "Site reliability engineer",
    ],
};
