"""``make demo``: the whole product without a person, each step with its time."""

import shutil
import time
from collections.abc import Callable

from local.demo.linking import LINKING
from local.demo.payment import PaymentStory
from local.demo.rotation import ROTATION
from local.demo.story import World, tell
from local.demo.trade import TRADE
from local.demo.withdrawal import WithdrawalStory
from local.gateway.runtime import LOG_FOLDER
from local.local_stack import LocalStack, Ports


def run_demo(say: Callable[[str], None] = print) -> int:
    """Starts a stack on free ports, tells the stories, stops.

    Returns:
        The exit code: 0 only if every step worked.
    """
    started = time.monotonic()
    ports = Ports.find_free()
    log_folder = LOG_FOLDER / str(ports.gateway)
    with LocalStack(ports=ports, log_folder=log_folder, say=say) as stack:
        say(f"Ready after {time.monotonic() - started:.1f} s: {stack.gateway_url}")
        world = World(stack)

        withdrawal = WithdrawalStory()
        stories = {
            "A user links a KuCoin account": LINKING,
            "Tokens are rotated, and a worker dies": ROTATION,
            "The user trades, and is paid": TRADE,
            "A withdrawal with two codes, to its end": withdrawal.steps(),
            "The user pays with KuCoin": PaymentStory(withdrawal).steps(),
        }
        for title, steps in stories.items():
            say(f"\n{title}")
            if not tell(world, steps, say):
                errors = [line for line in stack.pool.read_logs().splitlines() if "ERROR" in line]
                say("\n".join([f"The functions' logs are in {log_folder}.", *errors[-3:]]))
                return 1
    shutil.rmtree(log_folder)
    say(f"\nAll of it worked, {time.monotonic() - started:.1f} s.")
    return 0
