//! Every number that bounds the server, named once.
//!
//! The constant prints the error message, the OpenAPI bound and the table in `docs/limits.md`
//! (`cargo xtask generate` writes that table from [`ALL`]).

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $value:expr, $unit:literal;)+) => {
        $($(#[doc = $doc])+ pub const $name: $type = $value;)+

        /// Name, value, unit and meaning of each limit, in the order of the documentation.
        pub const ALL: &[(&str, u64, &str, &str)] = &[
            $((stringify!($name), $value as u64, $unit, concat!($($doc),+)),)+
        ];
    };
}

limits! {
    /// Bytes of a request body, of any kind.
    BODY_BYTES_MAX: usize = 2 * 1024 * 1024, "bytes";
    /// Nesting of any JSON that comes in.
    JSON_DEPTH_MAX: usize = 32, "levels";
    /// Bytes of one metadata field, as sent.
    METADATA_BYTES_MAX: usize = 64 * 1024, "bytes";
    /// Fields of a multipart form, known or not.
    FORM_FIELDS_MAX: usize = 64, "fields";
    /// Characters of an organization's name, after trimming.
    ORGANIZATION_NAME_CHARS_MAX: usize = 200, "characters";
    /// Characters of an organization's description, after trimming.
    DESCRIPTION_CHARS_MAX: usize = 2_000, "characters";
    /// Characters of an organization's slug: lower-case letters, digits, hyphens.
    SLUG_CHARS_MAX: usize = 64, "characters";
    /// Characters of the id that another system gave an organization or a user.
    EXTERNAL_ID_CHARS_MAX: usize = 255, "characters";
    /// Characters of a role's name, after trimming.
    ROLE_NAME_CHARS_MAX: usize = 100, "characters";
    /// Characters of one permission, all visible.
    PERMISSION_CHARS_MAX: usize = 128, "characters";
    /// Permissions of one role, after repeated ones are dropped.
    ROLE_PERMISSIONS_MAX: usize = 1_000, "permissions";
    /// Roles that one organization may define.
    ORGANIZATION_ROLES_MAX: i64 = 1_000, "roles";
    /// Roles that one member may hold.
    MEMBER_ROLES_MAX: usize = 100, "roles";
    /// Permissions that one check may ask for.
    CHECK_PERMISSIONS_MAX: usize = 100, "permissions";
    /// Checks of one batch, and evaluations of one AuthZEN request.
    CHECKS_MAX: usize = 1_000, "checks";
    /// Characters of a first or last name, after trimming.
    PERSON_NAME_CHARS_MAX: usize = 100, "characters";
    /// Characters of a username: letters, digits, `_` and `-`.
    USERNAME_CHARS_MAX: usize = 64, "characters";
    /// Characters of an e-mail address (RFC 5321, section 4.5.3.1.3).
    EMAIL_CHARS_MAX: usize = 254, "characters";
    /// Digits of a phone number in international form (ITU-T E.164).
    PHONE_DIGITS_MAX: usize = 15, "digits";
    /// Characters of a search text, after trimming.
    SEARCH_CHARS_MAX: usize = 200, "characters";
    /// Items of a page of any list but the members'.
    PAGE_LIMIT_MAX: u32 = 1_000, "items";
    /// Items of a page of members.
    MEMBER_PAGE_LIMIT_MAX: u32 = 500, "items";
    /// Items of a page of organizations or users, when no limit is given.
    PAGE_LIMIT_DEFAULT: u32 = 10, "items";
    /// Items of a page of members, when no limit is given.
    MEMBER_PAGE_LIMIT_DEFAULT: u32 = 20, "items";
    /// Items of a page of the ledger, when no limit is given.
    LEDGER_PAGE_LIMIT_DEFAULT: u32 = 50, "items";
    /// Permissions of which a dry run tells how many members would gain them, and as many of those lost.
    DRY_RUN_PERMISSIONS_MAX: usize = 100, "permissions";
    /// Gained and lost permissions with which a page of a dry run ends early.
    DRY_RUN_PAGE_PERMISSIONS_MAX: usize = 10_000, "permissions";
    /// How far into a list `offset` may point; beyond it, page with `cursor`.
    OFFSET_MAX: u64 = 10_000_000, "items";
    /// Characters of an `Idempotency-Key`, all visible ASCII.
    IDEMPOTENCY_KEY_CHARS_MAX: usize = 255, "characters";
    /// How long the answer to an `Idempotency-Key` is kept.
    IDEMPOTENCY_HOURS: i64 = 24, "hours";
    /// Characters of an `X-Request-Id` that is taken over; a longer one is replaced.
    REQUEST_ID_CHARS_MAX: usize = 128, "characters";
    /// Width and height of an uploaded image.
    IMAGE_PIXELS_SIDE_MAX: u32 = 8_192, "pixels";
    /// Pixels of an uploaded image, width times height.
    IMAGE_PIXELS_MAX: u64 = 24_000_000, "pixels";
    /// Width and height of a stored image; a larger upload is scaled down.
    IMAGE_STORED_SIDE_MAX: u32 = 512, "pixels";
    /// Characters of the label of an API key.
    KEY_NAME_CHARS_MAX: usize = 100, "characters";
    /// Characters of the name of a deployment: lower-case letters, digits, hyphens.
    DEPLOYMENT_NAME_CHARS_MAX: usize = 64, "characters";
}
