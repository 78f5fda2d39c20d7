"""A network that reads what is to be kept of a text and writes a text around it, in the manner of a class."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import one_hot, relu

END = START = 0
"""The code after the last token, as sequences have it; and what stands before the first."""


@dataclass(frozen=True, eq=False)
class Memory:
    """What was read."""

    values: Float[Tensor, "n places hidden"]
    """A vector for each place; the first stands for nothing, so that there is always one to look at."""
    read: Bool[Tensor, "n places"]
    """Which places there are."""
    content: Float[Tensor, "n hidden"]
    """A vector for the whole."""

    def repeated(self, times: int) -> "Memory":
        """Each of them several times, one after the other."""
        return Memory(*(each.repeat_interleave(times, dim=0) for each in (self.values, self.read, self.content)))


def reversed_places(values: Float[Tensor, "n t c"], lengths: Int64[Tensor, " n"]) -> Float[Tensor, "n t c"]:
    """The first `lengths` places of each in the other order."""
    places = torch.arange(values.shape[1], device=values.device)
    turned = torch.where(places < lengths[:, None], lengths[:, None] - 1 - places, places)
    return values.gather(1, turned[:, :, None].expand_as(values))


class Rewriter(nn.Module):
    """Gated recurrent units that read in both directions and write, with attention to what was read (Bahdanau et al. 2015; the form of
    Luong et al. 2015, section 3.1, with dot products). Tokens are written by likeness to their embeddings (Press, Wolf 2017).
    """

    def __init__(self, vocabulary: int, classes: int, embedding: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        nn.init.normal_(self.embedding.weight, std=embedding**-0.5)
        self.forwards, self.backwards = (nn.GRU(embedding, hidden // 2, batch_first=True) for _ in range(2))
        self.nothing = nn.Parameter(torch.zeros(hidden))
        self.begin = nn.Linear(hidden + classes, hidden)
        self.writer = nn.GRU(embedding + classes, hidden, batch_first=True)
        self.look = nn.Linear(hidden, hidden, bias=False)
        self.narrow = nn.Linear(2 * hidden + classes, embedding)
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        self.dropout = nn.Dropout(dropout)

    def read(self, codes: Int64[Tensor, "n t"]) -> Memory:
        """Read texts; an empty one, too."""
        lengths = (codes != END).sum(dim=1)
        codes = codes[:, : int(lengths.amax()) or 1]
        embedded = self.dropout(self.embedding(codes)) * (codes != END)[:, :, None]
        back = reversed_places(self.backwards(reversed_places(embedded, lengths))[0], lengths)
        found = torch.cat([self.forwards(embedded)[0], back], dim=2)
        values = torch.cat([self.nothing.expand(len(codes), 1, -1), found], dim=1)
        read = torch.cat([torch.ones_like(codes[:, :1], dtype=torch.bool), codes != END], dim=1)
        content = (values * read[:, :, None]).sum(dim=1) / read.sum(dim=1, keepdim=True)
        return Memory(values, read, content)

    def first_state(self, memory: Memory, condition: Float[Tensor, "n classes"]) -> Float[Tensor, "1 n hidden"]:
        """The state before the first token."""
        return self.begin(torch.cat([memory.content, condition], dim=1)).tanh()[None]

    def states(
        self, codes: Int64[Tensor, "n t"], memory: Memory, condition: Float[Tensor, "n classes"]
    ) -> tuple[Float[Tensor, "n t hidden"], Float[Tensor, "n t embedding"]]:
        """States at every place of texts, each from the tokens before it, and what the token there is predicted by."""
        before = torch.cat([torch.full_like(codes[:, :1], START), codes[:, :-1]], dim=1)
        inputs = torch.cat([self.dropout(self.embedding(before)), condition[:, None].expand(-1, codes.shape[1], -1)], dim=2)
        states = self.writer(inputs, self.first_state(memory, condition))[0]
        return states, self.predicting(states, memory, condition)

    def predicting(
        self, states: Float[Tensor, "n t hidden"], memory: Memory, condition: Float[Tensor, "n classes"]
    ) -> Float[Tensor, "n t embedding"]:
        """What the token at each place is predicted by."""
        likeness = self.look(states) @ memory.values.transpose(1, 2)
        seen = likeness.masked_fill(~memory.read[:, None], -torch.inf).softmax(dim=2) @ memory.values
        return self.narrow(self.dropout(torch.cat([states, seen, condition[:, None].expand(-1, states.shape[1], -1)], dim=2)))

    def logits_of(self, predicting: Float[Tensor, "*places embedding"]) -> Float[Tensor, "*places vocabulary"]:
        """Logits of the token at each place."""
        return predicting @ self.embedding.weight.t() + self.bias

    def step(
        self,
        inputs: Float[Tensor, "n embedding"],
        state: Float[Tensor, "1 n hidden"],
        memory: Memory,
        condition: Float[Tensor, "n classes"],
    ) -> tuple[Float[Tensor, "n vocabulary"], Float[Tensor, "1 n hidden"]]:
        """Logits of the next token after one with the embedding `inputs`, and the state at its place."""
        states, state = self.writer(torch.cat([inputs, condition], dim=1)[:, None], state)
        return self.logits_of(self.predicting(states, memory, condition))[:, 0], state


class StateDiscriminator(nn.Module):
    """Tells states of a writer that is shown a real text from those of one that goes on by itself: convolutions over three widths, the
    largest value of each (Kim 2014, as in section 4 of Shen et al. 2017).
    """

    WIDTHS = (1, 2, 3)

    def __init__(self, hidden: int, classes: int, channels: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv1d(hidden, channels, width, padding=width - 1) for width in self.WIDTHS)
        self.head = nn.Linear(len(self.WIDTHS) * channels + classes, channels)
        self.last = nn.Linear(channels, 1)

    def forward(
        self, states: Float[Tensor, "n t hidden"], read: Float[Tensor, "n t"], condition: Float[Tensor, "n classes"]
    ) -> Float[Tensor, " n"]:
        """Logits: above 0 means real."""
        inputs = (states * read[:, :, None]).transpose(1, 2)
        found = [relu(each(inputs)).amax(dim=2) for each in self.convolutions]
        return self.last(relu(self.head(torch.cat([*found, condition], dim=1))))[:, 0]


def known_classes(labels: Int64[Tensor, " n"], classes: int, known: Bool[Tensor, " n"]) -> Float[Tensor, "n classes"]:
    """One-hot classes, and nothing where they are not known."""
    return one_hot(labels, classes).float() * known[:, None]
