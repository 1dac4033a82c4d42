"""A token server for a registry, as small as it can be: one user, RS256 by the openssl program.

Usage: token.py PORT FOLDER   (FOLDER has key.pem and cert.pem; the user is ci with the password in the file password)
"""
import base64
import http.server
import json
import subprocess
import sys
import time
import urllib.parse

port, folder = int(sys.argv[1]), sys.argv[2]
password = open(f"{folder}/password").read().strip()
wanted = "Basic " + base64.b64encode(f"ci:{password}".encode()).decode()
certificate = "".join(line.strip() for line in open(f"{folder}/cert.pem") if "CERTIFICATE" not in line)


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(claims):
    header = {"typ": "JWT", "alg": "RS256", "x5c": [certificate]}
    text = ".".join(encode(json.dumps(part).encode()) for part in (header, claims))
    command = ["openssl", "dgst", "-sha256", "-sign", f"{folder}/key.pem"]
    signature = subprocess.run(command, input=text.encode(), stdout=subprocess.PIPE, check=True).stdout
    return text + "." + encode(signature)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.headers.get("Authorization") != wanted:
            self.send_response(401)
            self.end_headers()
            self.wfile.write(b'{"details":"incorrect username or password"}')
            return
        query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
        access = []
        for scope in query.get("scope", []):
            kind, name, actions = scope.rsplit(":", 1)[0].split(":", 1) + [scope.rsplit(":", 1)[1]]
            access.append({"type": kind, "name": name, "actions": [a for a in actions.split(",") if a == "pull"]})
        now = int(time.time())
        claims = {"iss": "ci", "sub": "ci", "aud": query.get("service", [""])[0], "jti": str(now),
                  "nbf": now - 60, "iat": now, "exp": now + 300, "access": access}
        body = json.dumps({"token": sign(claims)}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
