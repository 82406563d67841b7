"""Run the simulator: `python -m local.kucoin_simulator`; SIGTERM or Ctrl-C stops it."""

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from types import FrameType

from local.kucoin_simulator import config as defaults
from local.kucoin_simulator.config import Config, Partner
from local.kucoin_simulator.server import SimulatorServer


def parse_config(arguments: Sequence[str]) -> Config:
    """Read the command line; the port also from KUBROKER_SIMULATOR_PORT."""
    parser = argparse.ArgumentParser(prog="python -m local.kucoin_simulator")
    port = int(os.environ.get("KUBROKER_SIMULATOR_PORT", defaults.DEFAULT_PORT))
    parser.add_argument("--port", type=int, default=port, help="TCP port; 0 takes a free one")
    parser.add_argument("--host", default=Config().host, help="0.0.0.0 in a container")
    parser.add_argument("--client-id", default=Config().client_id)
    parser.add_argument("--client-secret", action="append", help="may be repeated")
    parser.add_argument("--redirect-url", action="append", help="registered; may be repeated")
    for name, partner in (("spot", defaults.SPOT_PARTNER), ("futures", defaults.FUTURES_PARTNER)):
        parser.add_argument(f"--{name}-partner", default=partner.partner)
        parser.add_argument(f"--{name}-broker-name", default=partner.name)
        parser.add_argument(f"--{name}-broker-key", default=partner.key)
    parser.add_argument(
        "--exit-with-parent", type=int, metavar="PID", help="stop when this parent is gone"
    )
    given = parser.parse_args(arguments)
    return Config(
        port=given.port,
        host=given.host,
        client_id=given.client_id,
        client_secrets=tuple(given.client_secret or ("local-client-secret",)),
        redirect_urls=tuple(given.redirect_url or (defaults.DEFAULT_REDIRECT_URL,)),
        spot=Partner(given.spot_partner, given.spot_broker_name, given.spot_broker_key),
        futures=Partner(given.futures_partner, given.futures_broker_name, given.futures_broker_key),
        exit_with_parent=given.exit_with_parent,
    )


def main(arguments: Sequence[str]) -> int:
    """Serve until a signal; 1 where the port is in use."""
    config = parse_config(arguments)
    try:
        server = SimulatorServer(config)
    except OSError as error:
        print(f"simulator: port {config.port} cannot be used: {error.strerror}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, _stop)
    if config.exit_with_parent is not None:
        threading.Thread(target=_watch, args=(config.exit_with_parent,), daemon=True).start()
    print(f"simulator ready {server.url}", flush=True)
    try:
        server.serve_forever(0.1)
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
    return 0


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
