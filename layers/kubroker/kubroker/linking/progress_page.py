"""The wait for the API key."""

from markupsafe import Markup

from kubroker.web.document import Page, render_document
from kubroker.web.page_models import PageResponse, ProgressPage
from kubroker.web.return_url import build_return_url

_CONTENT = Markup("""<div class="spinner" aria-hidden="true"></div>
<h1>Setting up your connection</h1>
<p class="soft lead">KuCoin has confirmed. {broker} is now getting its key, which takes a few
seconds.</p>
<p id="progress" class="small soft" role="status" aria-live="polite"
 data-status-path="{status_path}">Waiting for KuCoin…</p>
<noscript><p class="small soft">This page loads itself again every few seconds.
<a href="">Look now</a></p></noscript>
<div class="actions"><a class="button quiet" href="{back}">Back to {broker}</a></div>
<p class="soft small">You don’t have to wait here: the connection is set up even if you go back
now.</p>""")
_REFRESH = Markup('\n<noscript><meta http-equiv="refresh" content="4"></noscript>')

# The path comes as data, so that the script is constant and its hash can stand in the policy.
SCRIPT = """
(() => {
  const line = document.getElementById("progress");
  const path = line.dataset.statusPath;
  if (!path) {
    setTimeout(() => location.reload(), 2500);
    return;
  }
  const began = Date.now();
  let delay = 1000;
  const say = (text) => { if (line.textContent !== text) line.textContent = text; };
  const again = () => {
    setTimeout(look, delay * (0.8 + Math.random() * 0.4));
    delay = Math.min(delay * 1.5, 10000);
  };
  const look = async () => {
    try {
      const answer = await fetch(path, {
        cache: "no-store",
        headers: { accept: "application/json" },
        signal: AbortSignal.timeout(10000),
      });
      if (answer.status === 404 || answer.status === 410) {
        location.reload();
        return;
      }
      if (!answer.ok) throw new Error("status");
      if ((await answer.json()).final === true) {
        location.reload();
        return;
      }
      const waited = Date.now() - began;
      if (waited > 45000) {
        say("This takes longer than usual. You can go back, the work goes on without this page.");
      } else if (waited > 12000) {
        say("Still waiting for KuCoin…");
      } else {
        say("Waiting for KuCoin…");
      }
    } catch {
      say("The connection to the server was lost. Trying again…");
    }
    again();
  };
  again();
})();
"""


def render_progress(page: ProgressPage) -> PageResponse:
    """Polls with back-off; without scripts it loads itself again."""
    back = build_return_url(page.return_url, status="pending", session=page.session_id or None)
    content = _CONTENT.format(broker=page.broker.name, status_path=page.status_path, back=back)
    return render_document(
        Page(
            title="Setting up your connection",
            content=content,
            head=_REFRESH,
            script=SCRIPT,
            is_polling=True,
        ),
        page.broker,
    )
