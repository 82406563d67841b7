"""``python -m tests.sam_local``: what the tests start, for a person; Ctrl-C removes it."""

import shlex
import signal

from tests.support.built import ROOT
from tests.support.sam_stack import SamStack

API_PORT, LAMBDA_PORT = 3000, 3010


def main() -> None:
    folder = ROOT / "build/sam-local"
    folder.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with SamStack(folder, api_port=API_PORT, lambda_port=LAMBDA_PORT) as running:
            print(
                f"""Ready.

  API          {running.api.base_url}
  Lambda       http://127.0.0.1:{LAMBDA_PORT}    for the AWS CLI's --endpoint-url
  KuCoin       {running.simulator_url}/_sim
  One event    .venv/sam/bin/sam local invoke ConnectionsFunction \\
                 --event events/connections/list.json {shlex.join(running.arguments)}
  Logs         {folder.relative_to(ROOT)}

Ctrl-C removes it all.""",
                flush=True,
            )
            try:
                signal.pause()
            finally:
                signal.signal(signal.SIGINT, signal.SIG_IGN)  # once is enough
    except KeyboardInterrupt:
        print("Stopped.")


if __name__ == "__main__":
    main()
