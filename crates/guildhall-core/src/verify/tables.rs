//! Questions about whole tables, each answered by one statement.

use guildhall_db::{Row, Stmt, statements};
use guildhall_types::ids::DeploymentId;
use sha2::{Digest, Sha256};

use super::{Audit, Place, Rule, Step};
use crate::refusal::Refusal;

// Each question selects a deployment and the id of what breaks the rule.
statements! {
    SAME_DEPLOYMENT_NAME = "SELECT MIN(id), MIN(id) FROM deployments GROUP BY name HAVING COUNT(*) > 1";
    SAME_SECRET = "SELECT MIN(deployment_id), MIN(id) FROM api_keys GROUP BY secret_hash HAVING COUNT(*) > 1";
    SAME_SLUG = "SELECT deployment_id, MIN(id) FROM organizations
        WHERE slug IS NOT NULL GROUP BY deployment_id, slug HAVING COUNT(*) > 1";
    SAME_ORGANIZATION_EXTERNAL_ID = "SELECT deployment_id, MIN(id) FROM organizations
        WHERE external_id IS NOT NULL GROUP BY deployment_id, external_id HAVING COUNT(*) > 1";
    SAME_ROLE_NAME = "SELECT deployment_id, MIN(id) FROM organization_roles
        GROUP BY deployment_id, scope, name_key HAVING COUNT(*) > 1";
    SAME_MEMBER = "SELECT deployment_id, MIN(id) FROM organization_members
        GROUP BY deployment_id, organization_id, user_id HAVING COUNT(*) > 1";
    SAME_USERNAME = "SELECT deployment_id, MIN(id) FROM users
        WHERE username_key <> '' GROUP BY deployment_id, username_key HAVING COUNT(*) > 1";
    SAME_USER_EXTERNAL_ID = "SELECT deployment_id, MIN(id) FROM users
        WHERE external_id IS NOT NULL GROUP BY deployment_id, external_id HAVING COUNT(*) > 1";
    SAME_EMAIL = "SELECT deployment_id, MIN(user_id) FROM user_emails
        GROUP BY deployment_id, email_key HAVING COUNT(*) > 1";
    SAME_PHONE = "SELECT deployment_id, MIN(user_id) FROM user_phones
        GROUP BY deployment_id, phone_key HAVING COUNT(*) > 1";
    IMAGES_WITHOUT_OWNER = "SELECT i.deployment_id, i.id FROM images i
        WHERE NOT EXISTS (SELECT 1 FROM organizations o WHERE o.deployment_id = i.deployment_id
              AND o.id = i.owner_id AND o.image_id = i.id AND o.image_name = i.name)
          AND NOT EXISTS (SELECT 1 FROM users u WHERE u.deployment_id = i.deployment_id
              AND u.id = i.owner_id AND u.image_id = i.id AND u.image_name = i.name)";
    ORGANIZATIONS_WITHOUT_IMAGE = "SELECT o.deployment_id, o.id FROM organizations o
        WHERE (o.image_id IS NOT NULL OR o.image_name IS NOT NULL)
          AND NOT EXISTS (SELECT 1 FROM images i WHERE i.deployment_id = o.deployment_id
              AND i.id = o.image_id AND i.owner_id = o.id AND i.name = o.image_name)";
    USERS_WITHOUT_IMAGE = "SELECT u.deployment_id, u.id FROM users u
        WHERE (u.image_id IS NOT NULL OR u.image_name IS NOT NULL)
          AND NOT EXISTS (SELECT 1 FROM images i WHERE i.deployment_id = u.deployment_id
              AND i.id = u.image_id AND i.owner_id = u.id AND i.name = u.image_name)";
    DEFAULT_CREATOR_ROLE = "SELECT d.id, d.id FROM deployments d
        WHERE d.default_org_creator_role_id IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM organization_roles r WHERE r.deployment_id = d.id AND r.scope = 0
              AND r.id = d.default_org_creator_role_id)";
    DEFAULT_MEMBER_ROLE = "SELECT d.id, d.id FROM deployments d
        WHERE d.default_org_member_role_id IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM organization_roles r WHERE r.deployment_id = d.id AND r.scope = 0
              AND r.id = d.default_org_member_role_id)";
    IMAGES = "SELECT deployment_id, id, name, content_type, content FROM images ORDER BY deployment_id, id";
    ENDINGS_COUNT = "SELECT COUNT(*) FROM organization_name_endings";
}

struct Question {
    statement: &'static Stmt,
    noun: &'static str,
    rule: Rule,
    message: &'static str,
}

const fn question(
    statement: &'static Stmt,
    noun: &'static str,
    rule: Rule,
    message: &'static str,
) -> Question {
    Question {
        statement,
        noun,
        rule,
        message,
    }
}

/// The unique indexes say the same, as long as they are there.
static QUESTIONS: &[Question] = &[
    question(
        &SAME_DEPLOYMENT_NAME,
        "deployment",
        Rule::Unique,
        "shares its name with another",
    ),
    question(
        &SAME_SECRET,
        "api key",
        Rule::Unique,
        "shares its secret with another",
    ),
    question(
        &SAME_SLUG,
        "organization",
        Rule::Unique,
        "shares its `slug` with another",
    ),
    question(
        &SAME_ORGANIZATION_EXTERNAL_ID,
        "organization",
        Rule::Unique,
        "shares its `external_id` with another",
    ),
    question(
        &SAME_ROLE_NAME,
        "role",
        Rule::Unique,
        "shares its name with another of its scope",
    ),
    question(
        &SAME_MEMBER,
        "member",
        Rule::Unique,
        "is a membership of a user who has another",
    ),
    question(
        &SAME_USERNAME,
        "user",
        Rule::Unique,
        "shares the username with another",
    ),
    question(
        &SAME_USER_EXTERNAL_ID,
        "user",
        Rule::Unique,
        "shares `external_id` with another",
    ),
    question(
        &SAME_EMAIL,
        "user",
        Rule::Unique,
        "has an e-mail address that is there twice",
    ),
    question(
        &SAME_PHONE,
        "user",
        Rule::Unique,
        "has a phone number that is there twice",
    ),
    question(
        &IMAGES_WITHOUT_OWNER,
        "image",
        Rule::Image,
        "has no owner that names it",
    ),
    question(
        &ORGANIZATIONS_WITHOUT_IMAGE,
        "organization",
        Rule::Image,
        "names no image of its own",
    ),
    question(
        &USERS_WITHOUT_IMAGE,
        "user",
        Rule::Image,
        "names no image of their own",
    ),
    question(
        &DEFAULT_CREATOR_ROLE,
        "deployment",
        Rule::DefaultRole,
        "the default role of creators is none of its roles",
    ),
    question(
        &DEFAULT_MEMBER_ROLE,
        "deployment",
        Rule::DefaultRole,
        "the default role of members is none of its roles",
    ),
];

/// Asks all of them.
pub(super) fn check(audit: &mut Audit<'_>) -> Result<(), Refusal> {
    audit.begin(Step::Tables, QUESTIONS.len() as u64 + 2);
    for question in QUESTIONS {
        audit.guarded(&Place::file(), |audit| ask(audit, question))?;
        audit.advance(1);
    }
    for check in [endings, images] {
        audit.guarded(&Place::file(), check)?;
        audit.advance(1);
    }
    Ok(())
}

fn ask(audit: &mut Audit<'_>, question: &Question) -> Result<(), Refusal> {
    let Audit { sql, .. } = *audit;
    sql.each(question.statement, &[], |row| {
        let place = Place::of(row.get(0)?, question.noun, row.get(1)?);
        audit.find(&place, question.rule, question.message);
        Ok(())
    })
}

/// With every ending of every name found (see `organizations`), an equal number means that no other is there.
fn endings(audit: &mut Audit<'_>) -> Result<(), Refusal> {
    let count = audit.sql.one(&ENDINGS_COUNT, &[], |row| {
        Ok::<_, Refusal>(row.get::<u64>(0)?)
    })?;
    let count = count.unwrap_or_default();
    if count != audit.endings {
        let message = format!(
            "the search index of names has {count} rows, {} are due",
            audit.endings
        );
        audit.find(&Place::file(), Rule::NameEndings, message);
    }
    Ok(())
}

fn images(audit: &mut Audit<'_>) -> Result<(), Refusal> {
    let Audit { sql, .. } = *audit;
    sql.each(&IMAGES, &[], |row| {
        let place = Place::of(row.get::<DeploymentId>(0)?, "image", row.get(1)?);
        if let Some(fault) = image(row)? {
            audit.find(&place, Rule::Image, fault);
        }
        Ok(())
    })
}

/// An image is named by the front of the hash of its content; the ending of the name is that of its type.
fn image(row: &Row<'_>) -> Result<Option<&'static str>, Refusal> {
    let Some((hash, extension)) = row.text(2)?.split_once('.') else {
        return Ok(Some("its name has no ending"));
    };
    let content = hex::encode(Sha256::digest(row.bytes(4)?));
    if hash.is_empty() || !content.starts_with(hash) {
        return Ok(Some("its content is not what its name says"));
    }
    let of_type = match extension {
        "png" => "image/png",
        "jpg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        _ => "",
    };
    Ok((row.text(3)? != of_type).then_some("its type is not that of its name"))
}
