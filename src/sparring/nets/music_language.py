"""A network that predicts what each track does at each step of a phrase, from all that came before."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import pad


class EventModel(nn.Module):
    """Gated recurrent units over the steps of phrases, which see the events of all tracks; at each step the tracks follow each other, and
    each has a network of its own that sees those before it.
    """

    def __init__(self, tracks: int, events: int, bar_steps: int, embedding: int, hidden: int, head: int, dropout: float) -> None:
        super().__init__()
        self.tracks, self.bar_steps, self.hidden = tracks, bar_steps, hidden
        self.events = nn.ModuleList(nn.Embedding(events, embedding) for _ in range(tracks))
        self.places = nn.Embedding(bar_steps, embedding)
        self.memory = nn.GRU((tracks + 1) * embedding, hidden, batch_first=True)
        sizes = [hidden + track * embedding for track in range(tracks)]
        self.heads = nn.ModuleList(nn.Sequential(nn.Linear(size, head), nn.ReLU(), nn.Linear(head, events)) for size in sizes)
        self.dropout = nn.Dropout(dropout)

    def embedded(self, codes: Int64[Tensor, "n steps tracks"]) -> Float[Tensor, "n steps tracks embedding"]:
        """The vector of each event."""
        return torch.stack([each(codes[:, :, track]) for track, each in enumerate(self.events)], dim=2)

    def forward(self, codes: Int64[Tensor, "n steps tracks"]) -> Float[Tensor, "n steps tracks events"]:
        """Logits of each event, given those before it."""
        vectors = self.dropout(self.embedded(codes))
        before = pad(vectors.flatten(2)[:, :-1], (0, 0, 1, 0))
        place = self.places(torch.arange(codes.shape[1], device=codes.device) % self.bar_steps).expand(len(codes), -1, -1)
        remembered = self.dropout(self.memory(torch.cat([before, place], dim=2))[0])
        return torch.stack([self.logits(remembered, vectors[:, :, :track], track) for track in range(self.tracks)], dim=2)

    def logits(
        self, remembered: Float[Tensor, "n *steps hidden"], known: Float[Tensor, "n *steps earlier embedding"], track: int
    ) -> Float[Tensor, "n *steps events"]:
        """Logits of a track's event. `known`: vectors of those of the tracks before it, at the same step."""
        return self.heads[track](torch.cat([remembered, known.flatten(-2)], dim=-1))

    def step(
        self, before: Float[Tensor, "n tracks_embedding"], step: int, state: Float[Tensor, "1 n hidden"]
    ) -> tuple[Float[Tensor, "n hidden"], Float[Tensor, "1 n hidden"]]:
        """What is remembered at a step, and the state after it. `before`: vectors of the events of the step before; zeros at the first."""
        place = self.places.weight[step % self.bar_steps].expand(len(before), -1)
        seen, state = self.memory(torch.cat([before, place], dim=1)[:, None], state)
        return seen[:, 0], state
