"""Lines that hold no secret, as logs are full of them: the record must keep every one."""

import hashlib
import random
import uuid
from base64 import b64encode

_WRITTEN = r"""
commit 5388b23c7b0f4f7a8e6d2c1b9a0f3e4d5c6b7a89
Author: Ana Silva <ana@acme.example>
Date:   Sat Nov 21 07:46:19 2026 +0100
    Merge pull request #4821 from acme/feature/token-refresh
diff --git a/src/auth/token.py b/src/auth/token.py
index 9fceb02d0ae5..c59d9b6344f1 100644
--- a/src/auth/password_reset.py
+++ b/src/auth/password_reset.py
@@ -120,7 +120,9 @@ def refresh_token(session: Session) -> Token:
-    token = tokens[0]
+    token = next(iter(tokens))
+    password = getpass.getpass("Password: ")
+    password = os.environ["DB_PASSWORD"]
+    password = os.environ.get("DB_PASSWORD", "")
+    secret = config.get("client_secret")
+    api_key = settings.api_key
+    api_key: str | None = None
+    access_token = self._session.access_token_v2
+    token = sha256_hexdigest(data)
+    token=config.get_token_v2()
+    token: str,
+    def __init__(self, password: str, token: Token | None = None) -> None:
+    if password == other.password:
+    if not password or len(password) < 12:
+    return {"token": token, "password": password}
+    const password = req.body.password;
+    const apiKey = process.env.API_KEY;
+    const { token, secret } = await getCredentials();
+    let secret = Secret::new(bytes);
+    String password = request.getParameter("password");
+    private static final String PASSWORD_FIELD = "password";
+    PASSWORD_RESET_URL = "https://acme.example/reset"
+    password_hash = bcrypt.hashpw(password.encode(), bcrypt.gensalt())
+    password = "changeme"
+    password = "<your password>"
+    password = "${DB_PASSWORD}"
+    password: ${{ secrets.NPM_TOKEN }}
+    GITHUB_TOKEN: ${{ github.token }}
+    api-key: "{{ .Values.apiKey }}"
+    secretKeyRef: { name: shop-db, key: password }
+    secretName: shop-tls-2026
+    imagePullSecrets: [registry-credentials]
+    token_type = "access_token"
+    token_url: https://login.acme.example/oauth2/v2.0/token
+    next_page_token = "CAUQAA2b3c4d5e6f7g8h9i0j"
+    "tokens": 48213,
+    "max_tokens": 64000,
+    "cache_read_input_tokens": 18230
+    input_tokens=1234 output_tokens=567
+    "primary_key": "customer_id",
+    FOREIGN KEY (customer_id) REFERENCES shop.customers (id)
+    cache-key: linux-py311-5f2b7c9d1e3a4b6c
+    key = f"{prefix}:{user_id}:v2"
+    sort_key="name", keyspace="acme_2026"
+    keyboard_layout = "de-latin1"
+    "secret": true,
+    "password": "string",
+    "password": {"type": "string", "format": "password", "minLength": 12},
+    "password": null, "token": null
+    password: required|min:8|confirmed
+    password.label = "Your password"
+    label: "Password", placeholder: "Enter your password"
+    error: invalid username or password
Password must be at least 12 characters long and contain 2 digits.
The token expires in 3600 seconds; see https://docs.acme.example/auth#tokens
Bearer authentication is described in RFC 6750, basic authentication in RFC 7617.
Authorization: Bearer <token>
Authorization: Bearer $GITHUB_TOKEN
curl -H "Authorization: Bearer ${TOKEN}" https://api.acme.example/v1/me
curl -u "$USER:$PASSWORD" https://api.acme.example/v1/me
curl -sS https://user@acme.example/path?page=2
docker run --rm -u 1000:1000 -p 8080:80 acme/shop:1.42.0
mysql --password shop
gh auth login --with-token < token.txt
kubectl create secret generic shop-db --from-file=password
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIfkdbnUbu6yTG3nFe0aDTJ9Rs7BzQ0hPM0r4Y0cG5zV ana@laptop
ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7vbqajDw4o6gJy8UtmIbkcpnkO3Kwc4qsEnSZp4TR ana@laptop
-----BEGIN CERTIFICATE-----
MIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYDVQQGEwJJRTESMBAGA1UE
-----END CERTIFICATE-----
-----BEGIN PUBLIC KEY-----
-----BEGIN PRIVATE KEY----- begins a key in PEM form and -----END PRIVATE KEY----- ends it.
SHA256:uNiVztksCsDhcc0u9e8BrZqNVVLoiHY9SArlmVGHAo8 github.com (ED25519)
"integrity": "sha512-v2kDEe57lecTulaDIuNTPy3Ry4gLGJ6Z1O3vE1krgXZNrsQ+LFTGHVxVjcXPs17LhbZVGedAJv8XZ1tvj5FvSg=="
    --hash=sha256:a2f8b5f3c0d84b2a9b0e6e7f1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c0d \
checksum = "0b6a852b24ab71dffc585bcb46eaf7959d175cb865a7152e35b348d1b2960422"
github.com/stretchr/testify v1.9.0 h1:HtqpIVDClZ4nwg75+f6Lvsy/wHu+3BoSGCbBAcpTsTg=
resolved "https://registry.yarnpkg.com/lodash/-/lodash-4.17.21.tgz#679591c564c3bffaae8454cf0b3df370c3d6911c"
"resolved": "https://packages.example/@babel/core/-/core-7.24.0.tgz",
acme/shop@sha256:8f3c1d2e4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0
toolu_01A09q90qw90lq917835lq9 msg_013Zva2CMHLNnjNjJKqJ2EF req_011CSHoEeqs5C35K2UUqR7Fy
01M7YJ87B08TD0HTNHXWQ05B83 01JD8Z0Q4W4N2X6V8B3T5R7Y9K
arn:aws:iam::123456789012:role/deploy-production
i-0a1b2c3d4e5f67890 vpc-0a1b2c3d4e5f67890 sg-903004f8
projects/acme-shop-2026/locations/europe-west1/keyRings/main/cryptoKeys/logs
select id, email, password_hash from shop.customers where token_id = 42 limit 10;
create table tokens (id integer primary key, token text not null, secret_version integer);
grant select on shop.orders to reporting; revoke all on shop.api_keys from public;
update users set password = crypt(new_password, gen_salt('bf')) where id = 7;
insert into sessions (token, user_id) values (:token, :user_id);
postgres://shop@db.acme.example:5432/shop
postgres://user:password@localhost/shop
postgresql+asyncpg://${USER}:${PASSWORD}@db:5432/shop
git@github.com:acme/shop.git
https://github.com/acme/shop/commit/5388b23c7b0f4f7a8e6d2c1b9a0f3e4d5c6b7a89
ssh://git@git.acme.example:2222/acme/shop.git
http://localhost:8080/callback?code=42&state=open
at com.acme.auth.TokenService.refresh(TokenService.java:142)
  File "/srv/shop/auth/token.py", line 42, in refresh_token
tests/auth/test_token.py::test_a_token_is_refreshed PASSED [ 42%]
src/auth/password_reset_token_v2.py:118: error: Argument "token" has incompatible type
warning: unused variable: `secret` --> src/secret_store.rs:17:9
ERROR: relation "shop.tokens" does not exist at character 15
Permission denied (publickey,password).
remote: Support for password authentication was removed on August 13, 2021.
fatal: could not read Password for 'https://ana@github.com': terminal prompts disabled
data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk
background: url(sk-loading-spinner-with-a-long-class-name.svg); --key-color: #ff8800;
<div class="sk-toggleable__content sk-estimator-doc-link fitted"></div>
<input type="password" name="password" id="password-field" autocomplete="current-password">
<label for="token">Token:</label> <input name="token" value="">
risk-assessment-2026-for-the-payment-service-and-its-dependencies
task-management-and-disk-usage-of-the-build-machines-in-november
test_live_reload_of_the_configuration_file_in_development
npm_config_registry npm_lifecycle_event npm_package_version
hf_hub_download(repo_id="acme/model", filename="model.safetensors")
glyph_outline_rendering xoxo- AKIA ghp_ sk- npm_ eyJ are prefixes.
PASSWORD_STORE_DIR=/home/ana/.password-store
SSH_AUTH_SOCK=/tmp/ssh-XXXXXX/agent.4242
TOKENIZERS_PARALLELISM=false
PWD=/home/ana/work OLDPWD=/home/ana
["PASSWORD=xxx"] or {"PASSWORD": "xxx"}
API_KEY_FILE=/run/secrets/api_key
DB_PASSWORD=
export SECRET_KEY="$(cat /run/secrets/key)"
[redacted:aws-key:3f9a1c] stays what it is, and password = "[redacted:password:00ff11]" too
"""


def innocent_lines() -> list[str]:
    """More than two hundred: written ones, and hashes and identifiers drawn from a seed."""
    draw = random.Random(11)
    lines = [line for line in _WRITTEN.splitlines() if line.strip()]
    for number in range(30):
        data = draw.randbytes(40)
        name = f"{uuid.UUID(bytes=data[:16], version=4)}"
        lines += [
            f"{hashlib.sha256(data).hexdigest()}  dist/shop-1.{number}.0-py3-none-any.whl",
            f"request_id={name} status=200 duration_ms={number * 7}",
            f'{{"id": "{name}", "etag": "{hashlib.md5(data).hexdigest()}", "size": {number}}}',
            f"sha512-{b64encode(hashlib.sha512(data).digest()).decode()}",
            f"{hashlib.sha1(data).hexdigest()} refs/heads/feature/{number}-token-cache",
        ]
    return lines
