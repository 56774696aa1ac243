"""Recommenders that learn a factor for every user, item and tag: factorization machine, neural collaborative filtering.

Both are trained with torch and then scored with numpy, in one formula that also takes torch tensors. User and tag
factors start from WRMF on the users' tag profiles T^U = R T, which yields exactly these two (Kim 2021, section 5.3.2);
item factors start near zero.
"""

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from earwitness.datasets.interactions import Interactions
from earwitness.recommend.baselines import factorize
from earwitness.recommend.neighbours import steps
from earwitness.recommend.protocol import Floats, Integers, TagModel, like

if TYPE_CHECKING:
    from earwitness.recommend.training import Training


class FactorNetwork(TagModel):
    """What the two have in common: options, the starting values, and `fit`."""

    _rate = 1e-3
    _prefix = ""

    def __init__(self, *, size: int = 32, training: "Training | None" = None) -> None:
        self.size = size
        self.training = training
        self.name = f"{self._prefix}-{size}"

    def fit(self, data: Interactions, validation: Interactions | None = None) -> "FactorNetwork":
        """Learn from the training interactions; validation tells when to stop."""
        import torch

        from earwitness.engine import one_thread
        from earwitness.recommend.training import Training, train

        options = self.training or replace(Training(), rate=self._rate)
        self.data_ = data
        rng = np.random.default_rng([options.seed, 3])
        with one_thread():
            module = self._module(data, options.seed, rng)

            def scores(users: Integers) -> Floats:
                self._take(module)
                return self.scores(users)

            self.epochs_ = train(module, scores, data, validation, options)
            with torch.no_grad():
                self._take(module)
        return self

    def _start(self, data: Interactions, seed: int, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
        """Starting factors of users, items and tags."""
        profiles = sp.csr_matrix(data.user_tags())
        profiles.data = 1 + 10 * np.log1p(profiles.data)
        users, tags = factorize(profiles, self.size, seed=seed)
        return users, rng.normal(0, 0.001, (data.n_items, self.size)).astype(np.float32), tags

    @abstractmethod
    def _module(self, data: Interactions, seed: int, rng: np.random.Generator) -> Any: ...

    @abstractmethod
    def _take(self, module: Any) -> None:
        """Copy the module's parameters into numpy arrays."""


class FactorizationMachine(FactorNetwork):
    """Second-order factorization machine over users, items and tags.

    f(u, i, t) = w0 + w_u + w_i + sum_t w_t x_t + <v_u, v_i> + sum_t <v_u + v_i, v_t> x_t
                 + 1/2 sum_f [(sum_t v_tf x_t)^2 - sum_t v_tf^2 x_t^2]

    Parameters
    ----------
    size
        Number of factors h.
    training
        How it is trained; by default at Adam's rate 0.003.

    References
    ----------
    Rendle (2010). Factorization machines.
    """

    _rate = 3e-3
    _prefix = "FM"

    def _module(self, data: Interactions, seed: int, rng: np.random.Generator) -> Any:
        from earwitness.recommend._modules import FactorizationModule

        return FactorizationModule(data.item_tags, *self._start(data, seed, rng))

    def _take(self, module: Any) -> None:
        arrays = {name: tensor.detach().numpy().copy() for name, tensor in module.named_parameters()}
        self.w0_, self.wu_, self.wi_, self.wt_ = (arrays[name] for name in ("w0", "wu", "wi", "wt"))
        self.vu_, self.vi_, self.vt_ = (arrays[name] for name in ("vu", "vi", "vt"))
        T = self.data_.item_tags.astype(np.float32)
        S = T @ self.vt_  # (items, h): the sum of an item's tag factors
        squares = T.multiply(T).tocsr() @ (self.vt_**2).sum(1)
        self.e_ = self.vi_ + S
        self.b_ = self.wi_ + T @ self.wt_ + (self.vi_ * S).sum(1) + ((S**2).sum(1) - squares) / 2

    def scores(self, users: Integers) -> Floats:
        """As in `TagModel`."""
        return self.w0_ + self.wu_[users, None] + self.b_[None, :] + self.vu_[users] @ self.e_.T

    def scored(self, users: Integers, item: int, tags: Any, columns: Integers) -> Any:
        """As in `TagModel`."""
        same = like(tags)
        v, w = same(self.vt_[columns]), same(self.wt_[columns])
        S = tags @ v  # (m, h)
        alone = tags @ w + S @ same(self.vi_[item]) + ((S**2).sum(1) - (tags**2) @ (v**2).sum(1)) / 2
        constant = same(self.w0_ + self.wu_[users] + self.wi_[item] + self.vu_[users] @ self.vi_[item])
        return constant[:, None] + alone[None, :] + same(self.vu_[users]) @ S.T

    def gradient(self, users: Integers, item: int, tags: Floats, columns: Integers, wanted: Integers) -> Floats:
        """As in `TagModel`."""
        S = tags @ self.vt_[columns]
        x = np.zeros(self.data_.n_tags)
        x[columns] = tags
        v = self.vt_[wanted]
        alone = self.wt_[wanted] + v @ (self.vi_[item] + S) - (v**2).sum(1) * x[wanted]
        return self.vu_[users] @ v.T + alone.astype(np.float32)[None, :]

    def switched(self, users: Integers, item: int) -> Floats:
        """As in `TagModel`: the score is quadratic in a tag, with no square of its own, so a step is exact."""
        every = np.arange(self.data_.n_tags)
        columns, values = self.data_.own_tags(item)
        moved = self.gradient(users, item, values, columns, every) * steps(self.data_, item)
        return self._as_it_is(users, item) + moved


class NeuralCollaborativeFilter(FactorNetwork):
    """Neural collaborative filtering with tags: one hidden layer over the user's factors and the item's.

    f(u, i, t) = w2 . relu(W1 [z_u ; z_i + (1/|T_i|) sum_t t_k z_k] + b1) + b2, the divisor held at the item's own
    number of tags.

    Parameters
    ----------
    size
        Number of factors h.
    units
        Width of the hidden layer.
    training
        How it is trained; by default at Adam's rate 0.001.

    References
    ----------
    He et al. (2017). Neural collaborative filtering. Kim (2021), equation 5.12.
    """

    _rate = 1e-3
    _prefix = "NCF"

    def __init__(self, *, size: int = 32, units: int = 1024, training: "Training | None" = None) -> None:
        super().__init__(size=size, training=training)
        self.units = units

    def _module(self, data: Interactions, seed: int, rng: np.random.Generator) -> Any:
        from earwitness.recommend._modules import CollaborativeModule

        return CollaborativeModule(data.item_tags, *self._start(data, seed, rng), units=self.units, rng=rng)

    def _take(self, module: Any) -> None:
        arrays = {name: tensor.detach().numpy().copy() for name, tensor in module.named_parameters()}
        self.zt_, self.w2_, self.b2_ = arrays["zt"], arrays["w2"], arrays["b2"]
        self.W_, self.zi_ = arrays["Wi"], arrays["zi"]  # (h, units), (items, h)
        self.a_ = arrays["zu"] @ arrays["Wu"] + arrays["b1"]  # (users, units)
        total = np.asarray(self.data_.item_tags.sum(1)).ravel()
        self.divisor_ = np.where(total == 0, 1.0, total).astype(np.float32)
        T = self.data_.item_tags.astype(np.float32)
        self.c_ = (self.zi_ + (T @ self.zt_) / self.divisor_[:, None]) @ self.W_  # (items, units)

    def scores(self, users: Integers) -> Floats:
        """As in `TagModel`."""
        from earwitness.recommend.hidden_layer import every_pair

        return every_pair(self.a_[users], self.c_, self.w2_) + self.b2_

    def _item_side(self, item: int, tags: Any, columns: Integers) -> Any:
        """(m, units) what the item, with these tags, sends to the hidden layer."""
        same = like(tags)
        mean = tags @ same(self.zt_[columns]) / float(self.divisor_[item])
        return (same(self.zi_[item]) + mean) @ same(self.W_)

    def scored(self, users: Integers, item: int, tags: Any, columns: Integers) -> Any:
        """As in `TagModel`."""
        if isinstance(tags, np.ndarray):
            from earwitness.recommend.hidden_layer import every_pair

            side = self._item_side(item, tags.astype(np.float32), columns)
            return every_pair(self.a_[users], side, self.w2_) + self.b2_
        same = like(tags)
        hidden = same(self.a_[users])[:, None, :] + self._item_side(item, tags, columns)[None, :, :]
        return hidden.clip(min=0) @ same(self.w2_) + same(self.b2_)

    def gradient(self, users: Integers, item: int, tags: Floats, columns: Integers, wanted: Integers) -> Floats:
        """As in `TagModel`."""
        side = self._item_side(item, tags[None, :].astype(np.float32), columns)
        slopes = np.where(self.a_[users] + side > 0, self.w2_, np.float32(0))  # (u, units)
        return (slopes @ self.W_.T) @ (self.zt_[wanted].T / self.divisor_[item])

    def switched(self, users: Integers, item: int) -> Floats:
        """As in `TagModel`."""
        from earwitness.recommend.hidden_layer import every_pair

        change = (steps(self.data_, item)[:, None] * self.zt_ / self.divisor_[item]).astype(np.float32)
        return every_pair(self.a_[users], self.c_[item] + change @ self.W_, self.w2_) + self.b2_
