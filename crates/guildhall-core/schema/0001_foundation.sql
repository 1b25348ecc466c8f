-- The neutral text of the schema: TEXT, BIGINT, BOOLEAN, BYTEA; times are microseconds since 1970.
--
-- Every tenant table starts its primary key and every unique index with the deployment, so that one query never
-- crosses tenants. A unique index is named unique_<table>__<column>. The columns that end in _key are folded
-- by the server for comparison, order and search, so that both engines agree.

CREATE TABLE deployments (
  id BIGINT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  ledger_head BYTEA NOT NULL,
  -- The two default roles are roles of the deployment; NULL means none.
  default_org_creator_role_id BIGINT,
  default_org_member_role_id BIGINT,
  -- 0 means no cap.
  max_allowed_org_members BIGINT NOT NULL CHECK (max_allowed_org_members >= 0)
);

CREATE UNIQUE INDEX unique_deployments__name ON deployments (name);

-- Counted in shards, so that writes to different organizations do not wait for one row.
CREATE TABLE deployment_counts (
  deployment_id BIGINT NOT NULL REFERENCES deployments (id),
  noun TEXT NOT NULL,
  shard BIGINT NOT NULL,
  value BIGINT NOT NULL,
  PRIMARY KEY (deployment_id, noun, shard)
);

-- Ids are never reused: a server gives out ids of its slot only below reserved_until.
CREATE TABLE id_slots (
  slot BIGINT NOT NULL PRIMARY KEY,
  -- Milliseconds since 2025-01-01.
  reserved_until BIGINT NOT NULL
);

CREATE TABLE api_keys (
  deployment_id BIGINT NOT NULL REFERENCES deployments (id),
  id BIGINT NOT NULL,
  name TEXT NOT NULL,
  scope TEXT NOT NULL,
  secret_hash BYTEA NOT NULL,
  hint TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  revoked_at BIGINT,
  PRIMARY KEY (deployment_id, id)
);

-- The one unique index without a deployment in front: the secret is what tells the deployment.
CREATE UNIQUE INDEX unique_api_keys__secret_hash ON api_keys (secret_hash);

CREATE TABLE organizations (
  deployment_id BIGINT NOT NULL REFERENCES deployments (id),
  id BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  ledger_head BYTEA NOT NULL,
  name TEXT NOT NULL,
  name_key TEXT NOT NULL,
  description TEXT NOT NULL,
  image_id BIGINT,
  image_name TEXT,
  member_count BIGINT NOT NULL CHECK (member_count >= 0),
  role_count BIGINT NOT NULL CHECK (role_count >= 0),
  public_metadata TEXT NOT NULL,
  private_metadata TEXT NOT NULL,
  slug TEXT,
  external_id TEXT,
  PRIMARY KEY (deployment_id, id)
);

CREATE UNIQUE INDEX unique_organizations__slug
  ON organizations (deployment_id, slug) WHERE slug IS NOT NULL;
CREATE UNIQUE INDEX unique_organizations__external_id
  ON organizations (deployment_id, external_id) WHERE external_id IS NOT NULL;

-- The order by creation is the order of the ids, which only grow: it needs no index of its own.
CREATE INDEX organizations_by_name ON organizations (deployment_id, name_key, id);
CREATE INDEX organizations_by_updated_at ON organizations (deployment_id, updated_at, id);
CREATE INDEX organizations_by_member_count ON organizations (deployment_id, member_count, id);

-- Every ending of every folded name, cut to 32 characters: a substring of a name is a prefix of one of its
-- endings, so that a search is one range of this table, however many organizations there are.
CREATE TABLE organization_name_endings (
  deployment_id BIGINT NOT NULL,
  ending TEXT NOT NULL,
  organization_id BIGINT NOT NULL,
  PRIMARY KEY (deployment_id, ending, organization_id)
);

-- A role belongs to one organization, or to the deployment (scope 0, organization_id NULL).
CREATE TABLE organization_roles (
  deployment_id BIGINT NOT NULL REFERENCES deployments (id),
  scope BIGINT NOT NULL,
  id BIGINT NOT NULL,
  organization_id BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  name TEXT NOT NULL,
  name_key TEXT NOT NULL,
  -- A JSON array of strings, in the order given.
  permissions TEXT NOT NULL,
  PRIMARY KEY (deployment_id, scope, id),
  FOREIGN KEY (deployment_id, organization_id) REFERENCES organizations (deployment_id, id),
  CHECK (scope = COALESCE(organization_id, 0))
);

CREATE INDEX organization_roles_by_organization ON organization_roles (deployment_id, organization_id);
CREATE UNIQUE INDEX unique_organization_roles__name_key
  ON organization_roles (deployment_id, scope, name_key);

CREATE TABLE users (
  deployment_id BIGINT NOT NULL REFERENCES deployments (id),
  id BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  -- The revision of the deployment at which the user last changed.
  revision BIGINT NOT NULL,
  first_name TEXT NOT NULL,
  first_name_key TEXT NOT NULL,
  last_name TEXT NOT NULL,
  last_name_key TEXT NOT NULL,
  -- The empty string where there is none, so that an order by it needs no NULLs.
  username TEXT NOT NULL,
  username_key TEXT NOT NULL,
  -- What a search looks at: names, username, addresses and numbers, folded, one a line.
  search_key TEXT NOT NULL,
  primary_email TEXT NOT NULL,
  primary_email_key TEXT NOT NULL,
  primary_phone TEXT NOT NULL,
  image_id BIGINT,
  image_name TEXT,
  disabled BOOLEAN NOT NULL,
  second_factor_policy TEXT NOT NULL,
  public_metadata TEXT NOT NULL,
  private_metadata TEXT NOT NULL,
  external_id TEXT,
  PRIMARY KEY (deployment_id, id)
);

CREATE UNIQUE INDEX unique_users__username_key
  ON users (deployment_id, username_key) WHERE username_key <> '';
CREATE UNIQUE INDEX unique_users__external_id
  ON users (deployment_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX users_by_username ON users (deployment_id, username_key, id);
CREATE INDEX users_by_email ON users (deployment_id, primary_email_key, id);
CREATE INDEX users_by_phone ON users (deployment_id, primary_phone, id);

CREATE TABLE user_emails (
  deployment_id BIGINT NOT NULL,
  user_id BIGINT NOT NULL,
  id BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  email TEXT NOT NULL,
  email_key TEXT NOT NULL,
  is_primary BOOLEAN NOT NULL,
  verified_at BIGINT,
  PRIMARY KEY (deployment_id, user_id, id),
  FOREIGN KEY (deployment_id, user_id) REFERENCES users (deployment_id, id)
);

CREATE UNIQUE INDEX unique_user_emails__email_key ON user_emails (deployment_id, email_key);

CREATE TABLE user_phones (
  deployment_id BIGINT NOT NULL,
  user_id BIGINT NOT NULL,
  id BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  country_code TEXT NOT NULL,
  national_number TEXT NOT NULL,
  phone_key TEXT NOT NULL,
  is_primary BOOLEAN NOT NULL,
  verified_at BIGINT,
  PRIMARY KEY (deployment_id, user_id, id),
  FOREIGN KEY (deployment_id, user_id) REFERENCES users (deployment_id, id)
);

CREATE UNIQUE INDEX unique_user_phones__phone_key ON user_phones (deployment_id, phone_key);

CREATE TABLE organization_members (
  deployment_id BIGINT NOT NULL,
  organization_id BIGINT NOT NULL,
  id BIGINT NOT NULL,
  user_id BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  public_metadata TEXT NOT NULL,
  PRIMARY KEY (deployment_id, organization_id, id),
  FOREIGN KEY (deployment_id, organization_id) REFERENCES organizations (deployment_id, id),
  FOREIGN KEY (deployment_id, user_id) REFERENCES users (deployment_id, id)
);

CREATE UNIQUE INDEX unique_organization_members__user_id
  ON organization_members (deployment_id, organization_id, user_id);
CREATE INDEX organization_members_by_user
  ON organization_members (deployment_id, user_id, organization_id);

-- scope is the scope of the role: the CHECK and the foreign keys together make it impossible to hold a role of
-- another organization.
CREATE TABLE organization_member_roles (
  deployment_id BIGINT NOT NULL,
  organization_id BIGINT NOT NULL,
  member_id BIGINT NOT NULL,
  role_id BIGINT NOT NULL,
  scope BIGINT NOT NULL CHECK (scope = 0 OR scope = organization_id),
  PRIMARY KEY (deployment_id, organization_id, member_id, role_id),
  FOREIGN KEY (deployment_id, organization_id, member_id)
    REFERENCES organization_members (deployment_id, organization_id, id),
  FOREIGN KEY (deployment_id, scope, role_id) REFERENCES organization_roles (deployment_id, scope, id)
);

CREATE INDEX organization_member_roles_by_role
  ON organization_member_roles (deployment_id, scope, role_id, organization_id, member_id);

-- owner_id is the organization or user that the image belongs to; the name is made from the content.
CREATE TABLE images (
  deployment_id BIGINT NOT NULL REFERENCES deployments (id),
  id BIGINT NOT NULL,
  owner_id BIGINT NOT NULL,
  name TEXT NOT NULL,
  content_type TEXT NOT NULL,
  content BYTEA NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (deployment_id, id)
);

-- A stream is an organization or a deployment; it outlives the organization.
CREATE TABLE ledger (
  deployment_id BIGINT NOT NULL REFERENCES deployments (id),
  stream_id BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  occurred_at BIGINT NOT NULL,
  action TEXT NOT NULL,
  -- NULL for the command line.
  actor_key_id BIGINT,
  request_id TEXT NOT NULL,
  entity_id BIGINT NOT NULL,
  before TEXT,
  after TEXT,
  previous_hash BYTEA NOT NULL,
  hash BYTEA NOT NULL,
  PRIMARY KEY (deployment_id, stream_id, revision)
);

-- The end of the stream of an organization that is gone; of a living one it stands on its row.
CREATE TABLE ledger_ends (
  deployment_id BIGINT NOT NULL REFERENCES deployments (id),
  stream_id BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  hash BYTEA NOT NULL,
  PRIMARY KEY (deployment_id, stream_id)
);

CREATE TABLE idempotency_records (
  deployment_id BIGINT NOT NULL REFERENCES deployments (id),
  idempotency_key TEXT NOT NULL,
  fingerprint BYTEA NOT NULL,
  answer TEXT NOT NULL,
  stream_id BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (deployment_id, idempotency_key)
);

CREATE INDEX idempotency_records_by_expiry ON idempotency_records (expires_at);
