"""Removing for good: a deleted movie with its bytes, an account with all that is only its own.

What others rely on is not taken from them: a movie that somebody has bought or downloaded from stays on record, and so
does a user who has bought something. The database itself sees to it, with its foreign keys.
"""

from __future__ import annotations

import math

from youku_evloop import orm
from youku_evloop.errors import Conflict, NotFound
from youku_evloop.models import (
    DownloadRecord,
    DownloadWait,
    Movie,
    Purchase,
    SearchHistory,
    Session,
    Upload,
    User,
    UserType,
)
from youku_evloop.services import attempts, search, sessions, users
from youku_evloop.services.disk import on_disk
from youku_evloop.services.library import Caller, Library
from youku_evloop.services.uploads.rows import UNFINISHED


def purge(library: Library, movie_id: int) -> None:
    """Remove a deleted movie, and its bytes unless another movie has them.

    Raises `NotFound`, and `Conflict` when it is not deleted, or somebody has bought it or downloaded from it.
    """
    movie = Movie.select(id=movie_id).first()
    if movie is None:
        raise NotFound(f"There never was a movie {movie_id}.", movie=movie_id)
    try:
        is_gone = movie.is_delete and orm.current_database().run(_purge_row, movie_id)
    except orm.ForeignKeyViolation:
        raise Conflict(
            f"Movie {movie_id} stays on record: somebody has bought it or downloaded from it.", movie=movie_id
        ) from None
    if not is_gone:
        raise Conflict(f"Movie {movie_id} is not deleted: delete it first.", movie=movie_id)
    _drop_blob(library, movie)


def _purge_row(movie_id: int) -> bool:
    movie = Movie.select(id=movie_id, is_delete=True).for_update().first()
    if movie is None:
        return False
    search.unindex(movie)
    DownloadWait.select(movie_id=movie_id).delete()
    Upload.select(movie_id=movie_id).delete()
    return Movie.select(id=movie_id).delete() > 0


def _drop_blob(library: Library, movie: Movie) -> None:
    """Remove the bytes at once, unless somebody names them or is about to.

    Whoever is about to says so in the table of uploads before clearing the mark on the blob. So, once it is marked,
    either that row is seen here, or the mark is cleared afterwards and the blob is not removed.
    """
    store, digest = library.store, movie.file_hash
    if _is_wanted(movie):
        return
    on_disk(library, store.mark_blob, digest)
    if _is_wanted(movie):
        on_disk(library, store.keep_blob, digest, movie.file_size)
    else:
        on_disk(library, store.remove_blob, digest, math.inf)


def _is_wanted(movie: Movie) -> bool:
    if Movie.select(file_hash=movie.file_hash).exists():  # a deleted one may be restored at this moment
        return True
    under_way = Upload.select().where(Upload.state.in_(UNFINISHED))
    same = (Upload.file_hash == movie.file_hash) | (Upload.fingerprint == movie.fingerprint)
    return under_way.where(same).exists()


def delete_user(library: Library, who: Caller, name: str) -> User:
    """Remove an account with its sessions, searches and download records; answers who it was.

    Raises `NotFound`, and `Conflict` for an administrator, and for one who has bought something.
    """
    user = users.find(name)
    if user.user_type is UserType.ADMIN:
        raise Conflict(f"{user.name} is an administrator: what administrators have published and decided stays theirs.")
    if Purchase.select(user_id=user.id).exists():
        raise _has_bought(user)
    user.update(is_locked=True)  # so that nothing is added from here on
    sessions.end_locked(library, user)
    try:
        orm.current_database().run(_delete_rows, user.id)
    except orm.ForeignKeyViolation:
        raise _has_bought(user) from None
    attempts.succeeded(user.name)
    return user


def _delete_rows(user_id: int) -> None:
    for model in (Session, SearchHistory, DownloadWait, DownloadRecord):
        model.select(user_id=user_id).delete()
    User.select(id=user_id).delete()


def _has_bought(user: User) -> Conflict:
    return Conflict(f"{user.name} has bought something, which stays on record: lock the account instead.")
