"""`python -m services.classifier train`: what can be asked for."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from shared.bus.address import NATS_REPLICAS, NATS_URL
from shared.numbers import Number

FILE = click.Path(path_type=Path)


@click.command()
@click.option(
    "--data", multiple=True, type=FILE, metavar="FILE",
    help="Further labelled comments, CSV or JSONL: `text` and any of tag, topic, toxic, urgent.",
)  # fmt: skip
@click.option("--licence", multiple=True, help="Licence of the --data file in the same place, for the card.")
@click.option(
    "--untagged", multiple=True, type=(FILE, str, str), metavar="FILE LICENCE TAXONOMY",
    help="Comments without tags, none of them spam; TAXONOMY names whose words their topics are in, - for none.",
)  # fmt: skip
@click.option("--fast", is_flag=True, help="Train no careful reader, whose embeddings take about ten minutes.")
@click.option(
    "--embeddings", type=FILE, metavar="FILE",
    help="Where embeddings are kept between trainings (.npz); made where it is absent.",
)  # fmt: skip
@click.option(
    "--evaluate", multiple=True, type=FILE, metavar="FILE",
    help="Labelled comments to measure on, never to learn from.",
)  # fmt: skip
@click.option("--corpus", type=FILE, help="Folder of *.jsonl; the project's own by default.")
@click.option("--out", type=FILE, help="Folder for the model.")
@click.option("--packaged", is_flag=True, help="Instead of --out: put it in place of the model that comes with us.")
@click.option("--labels", is_flag=True, help="Learn from moderators' corrections too, from the broker; needs --out.")
@click.option("--publish", is_flag=True, help="With --labels: publish the model, unless it is worse than what is live.")
@click.option("--promote", is_flag=True, help="With --labels: publish it and make it live, unless it is worse.")
@click.option(
    "--tolerance", type=Number(0, 1), default=0.01, show_default=True,
    help="With --labels: how much macro-F1 may be lost; twice that of the spam caught, a fifth of it of false spam.",
)  # fmt: skip
@NATS_URL
@NATS_REPLICAS
def train(
    *,
    data: tuple[Path, ...],
    licence: tuple[str, ...],
    untagged: tuple[tuple[Path, str, str], ...],
    fast: bool,
    embeddings: Path | None,
    evaluate: tuple[Path, ...],
    corpus: Path | None,
    out: Path | None,
    packaged: bool,
    labels: bool,
    publish: bool,
    promote: bool,
    tolerance: float,
    nats_url: str,
    replicas: int,
) -> None:
    """Trains a model on the corpus and writes it with its card."""
    from services.classifier.careful.embedding import EmbeddingFailed
    from services.classifier.careful.opening import load_embedder
    from services.classifier.model import DEFAULT_MODEL
    from services.classifier.training.command import Material, Untagged, train_model
    from services.classifier.training.embedded import Embedded
    from services.classifier.training.gate import Tolerance
    from services.classifier.training.records import TrainingError
    from services.classifier.training.relearning import Worse, relearn
    from services.classifier.training.rows import CORPUS
    from services.classifier.training.taxonomy import UnknownTaxonomyError
    from shared.obs import configure_logging

    configure_logging(service="train", level="error")
    if len(licence) > len(data):
        raise click.UsageError("more --licence than --data")
    if (publish or promote) and not labels:
        raise click.UsageError("--publish and --promote go with --labels; else see `models publish`")
    if labels and out is None:
        raise click.UsageError("--labels needs --out: the packaged model is not made from moderators' corrections")
    if (out is not None) == packaged:
        raise click.UsageError(
            "--out names the folder for the model; --packaged, instead, replaces the one that comes with the program"
        )
    folder = out or DEFAULT_MODEL
    material = Material(
        corpus=corpus or CORPUS,
        data=data,
        licences=(*licence, *["not stated"] * (len(data) - len(licence))),
        untagged=tuple(
            Untagged(path=path, licence=words, taxonomy=None if taxonomy == "-" else taxonomy)
            for path, words, taxonomy in untagged
        ),
        evaluate=evaluate,
    )
    with ExitStack() as stack:
        embedder = None if fast else load_embedder(waiting=False)
        if embedder is None:
            click.echo("without a careful reader", err=True)
        else:
            stack.callback(embedder.close)
        try:
            embedded = None if embedder is None else Embedded(embedder, embeddings)
            if labels:
                version = relearn(
                    material,
                    nats_url=nats_url,
                    replicas=replicas,
                    embedded=embedded,
                    out=folder,
                    tolerance=Tolerance(macro_f1=tolerance, spam_recall=2 * tolerance, false_spam=tolerance / 5),
                    publish=publish,
                    promote=promote,
                )
            else:
                version = train_model(material, embedded=embedded, out=folder)
        except (TrainingError, UnknownTaxonomyError, EmbeddingFailed, Worse, OSError) as error:
            raise click.ClickException(str(error)) from error
    click.echo(version)
