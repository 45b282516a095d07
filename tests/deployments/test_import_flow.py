"""A file taken in from the window: only from its folder, and nothing of it in what a run tells."""

from orders_told import SHOP

from deployments.running import deploy, prepare
from flows.import_folder import import_folder

HEADER = "no,placed_at,amount_fen,receiver\n"
SECRET = "root-x-0-0"


def told_by(prefect, run):
    """All that the window shows of a run: its state, its log lines, its tables."""
    of_run = {"artifacts": {"flow_run_id": {"any_": [str(run.id)]}}}
    with prefect.client() as client:
        lines = client.request(
            "POST", "/logs/filter", json={"logs": {"flow_run_id": {"any_": [str(run.id)]}}}
        )
        tables = client.request("POST", "/artifacts/filter", json=of_run)
    return f"{run.state.message} {lines.text} {tables.text}"


def test_the_import_by_hand_reads_its_folder_only_and_quotes_nothing_of_a_file(prefect, tmp_path):
    prepare(say=lambda _: None)
    deploy(paused=True)
    elsewhere = tmp_path / "passwd"
    elsewhere.write_text(f"{SECRET}:/root\n")
    (import_folder() / "passwd.csv").write_text(elsewhere.read_text())
    (import_folder() / "orders.csv").write_text(
        f"{HEADER}1,2026-03-02 10:00:00,5000,王小明\n2,{SECRET},5000,王小明\n"
    )
    with prefect.worker():
        how = {"shop": SHOP}
        outside, unknown, typed = (
            prefect.run("import-orders/by-hand", file=str(elsewhere), **how),
            prefect.run("import-orders/by-hand", file="passwd.csv", **how),
            prefect.run("import-orders/by-hand", file="passwd.csv", format="kefu", **how),
        )
        taken = prefect.run("import-orders/by-hand", file="orders.csv", **how)
    assert "reads files in" in outside.state.message
    assert "no header of a format we know" in unknown.state.message
    assert "no header of a kefu file" in typed.state.message
    assert "1 quarantined" in taken.state.message
    assert "1 new" in taken.state.message
    for run in (outside, unknown, typed, taken):
        assert run.state.is_failed()
        assert SECRET not in told_by(prefect, run)
    [kept] = (tmp_path / "quarantine").iterdir()
    assert SECRET in kept.read_text("utf-8-sig")
