"""Fills two deployments and writes down, for schemathesis.toml, the keys and the ids of what exists.

Usage: seed.py BASE_URL OUR_KEY THEIR_KEY FOLDER
"""

import json
import pathlib
import sys

import requests

MEMBERS = 40
ROLES = 40
DOOMED = 40


class Deployment:
    """The API, with the key of one deployment."""

    def __init__(self, base_url, key):
        self.base_url = base_url
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {key}"

    def post(self, path, form=None, json=None):
        # `files` makes it multipart/form-data, which organizations and users ask for.
        files = form and {name: (None, value) for name, value in form.items()}
        reply = self.session.post(self.base_url + path, files=files, json=json, timeout=10)
        if reply.status_code != 200:
            sys.exit(f"POST {path}: {reply.status_code} {reply.text}")
        return reply.json()

    def organization(self, name):
        return self.post("/organizations", form={"name": name, "public_metadata": '{"plan":"pro"}'})["id"]

    def role(self, organization, number):
        role = {"name": f"Role {number}", "permissions": ["invoices:read", f"step:{number}"]}
        return self.post(f"/organizations/{organization}/roles", json=role)["id"]

    def user(self, number):
        form = {"first_name": f"First {number}", "last_name": "Last", "email_address": f"u{number}@example.com"}
        return self.post("/users", form=form)["id"]

    def member(self, organization, user, *roles):
        member = {"user_id": user, "role_ids": list(roles)}
        return self.post(f"/organizations/{organization}/members", json=member)["id"]


def fill(deployment):
    """One organization with many members and roles, users in none, and some of each to delete."""
    acme = deployment.organization("Acme")
    roles = [deployment.role(acme, number) for number in range(ROLES)]
    users = [deployment.user(number) for number in range(MEMBERS + DOOMED)]
    members = [deployment.member(acme, user, roles[0]) for user in users[:MEMBERS]]
    doomed = [deployment.organization(f"Doomed {number}") for number in range(DOOMED)]
    return {
        "organization_ids": [acme],
        "organization_revisions": [f"{acme}@1"],
        "doomed_organization_ids": doomed,
        "member_ids": members,
        "role_ids": roles,
        "user_ids": users,
        "doomed_user_ids": users[MEMBERS:],
    }


def main(base_url, our_key, their_key, folder):
    folder = pathlib.Path(folder)
    for name, ids in fill(Deployment(base_url, our_key)).items():
        (folder / f"{name}.dict").write_text("".join(f'"{id}"\n' for id in ids))
    fill(Deployment(base_url, their_key))
    keys = {"ours": our_key, "theirs": their_key}
    auth = [
        {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {key}"}]}
        for name, key in keys.items()
    ]
    (folder / "auth.json").write_text(json.dumps({"auth": auth}))


main(*sys.argv[1:])
