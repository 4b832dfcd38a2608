#!/usr/bin/env python3
"""A service of OpenAI's shape on loopback, for tests of the command: every text gets the vector (1, 0, 0), a text with the word
"blade" in it is refused with 400, a request without the key `secret-key` with 401. Writes its port to the file it is given.
With `slow` behind that, every request but the first is answered after a minute."""
import http.server
import itertools
import json
import sys
import time


REQUESTS = itertools.count()
SLOW_S = 60 if "slow" in sys.argv else 0


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        if next(REQUESTS) > 0:
            time.sleep(SLOW_S)
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        texts = request["input"] if isinstance(request["input"], list) else [request["input"]]
        if self.headers.get("Authorization") != "Bearer secret-key":
            self.answer(401, {"error": {"message": "wrong key"}})
        elif any("blade" in text for text in texts):
            self.answer(400, {"error": {"message": "this input is not allowed", "type": "invalid_request_error"}})
        else:
            data = [{"object": "embedding", "index": i, "embedding": [1.0, 0.0, 0.0]} for i in range(len(texts))]
            self.answer(200, {"object": "list", "data": data, "model": request["model"],
                              "usage": {"prompt_tokens": 3 * len(texts), "total_tokens": 3 * len(texts)}})

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
with open(sys.argv[1], "w", encoding="utf-8") as file:
    file.write(str(server.server_port))
server.serve_forever()
