use std::num::NonZeroUsize;
use std::time::Duration;

use async_trait::async_trait;

use super::{Found, StoreError};
use crate::clock::Timestamp;
use crate::token::{SessionId, Subject, TokenDigest, TokenRecord};

/// What a look-up answers: here it is, there is none, or (the error) I can't say.
pub type Finding<P> = Result<Option<Found<P>>, StoreError>;

/// A store of tokens, as the layer needs it: what you implement over tables that you have.
///
/// Every verb is one statement, transaction or script, since its future may be dropped at any
/// await. A transaction of several statements runs in a task of its own (`tokio::spawn`), which
/// nobody drops: some clients leave one open on its connection when it is dropped as it begins, and
/// it swallows what is acknowledged there next. Let each verb end in any case, with an error when
/// the database hangs: requests wait for it.
///
/// No store judges whether a token lives and none reads the time: it keeps records and gives them
/// back, dead ones too, and every instant comes as an argument. An `Arc` of a store is a store. A
/// look-up that takes microseconds may run in place; what waits for a disk or a lock belongs on a
/// thread that may block.
///
/// ```
/// use std::collections::HashMap;
/// use tower_expiring_token::{Finding, Found, StoreError, TokenDigest, TokenRecord, TokenStore, Touch, async_trait};
///
/// #[derive(Clone, Debug)]
/// struct User { name: String }
///
/// /// Tokens that never change, such as those of a configuration file.
/// struct Fixed(HashMap<TokenDigest, (TokenRecord, User)>);
///
/// #[async_trait]
/// impl TokenStore for Fixed {
///     type Principal = User;
///
///     async fn find(&self, digest: &TokenDigest) -> Finding<User> {
///         Ok(self.0.get(digest).map(|(record, user)| Found::new(record.clone(), user.clone())))
///     }
///
///     async fn extend(&self, _touches: &[Touch]) -> Result<(), StoreError> {
///         Ok(())
///     }
/// }
/// ```
///
/// # Over tables of your own
///
/// Every value comes back as it was kept. A row needs:
///
/// | column | holds | from | back |
/// |---|---|---|---|
/// | the key | 32 bytes, or 64 hex digits | [`TokenDigest::as_bytes`], `to_string` | [`TokenDigest::from_bytes`], `parse` |
/// | subject | text, or your user's id of which it is the text | [`Subject::as_str`] | [`TokenRecord::builder`] |
/// | session | 16 bytes, or 32 hex digits | [`SessionId::as_bytes`], `to_string` | [`SessionId::from_bytes`], `parse` |
/// | kind, label, client | texts, the last two perhaps none | [`TokenRecord`] | [`RecordBuilder`](crate::RecordBuilder) |
/// | scopes | text, spaces between | [`Scopes::as_str`](crate::Scopes::as_str) | [`Scopes::parse`](crate::Scopes::parse) |
/// | each of the five [`TokenTimes`](crate::TokenTimes) | 64-bit microseconds since 1970 | [`Timestamp::as_micros`] | [`Timestamp::from_micros`] |
/// | seed | 32 bytes, or none | [`Seed::as_bytes`](crate::Seed::as_bytes) | [`Seed::from_bytes`](crate::Seed::from_bytes) |
/// | generation, `rotated_at` | a `u32` and a time, of refresh tokens alone; none, or the latter none | [`TokenRecord`] | [`RecordBuilder::refresh`](crate::RecordBuilder::refresh) |
///
/// A store that nobody issues tokens with needs no more than its key, its user and when each
/// token ends. Its records name the kind of the authority that asks, `access` unless
/// [`AuthorityBuilder::access`](crate::AuthorityBuilder::access) says otherwise: a record of
/// another kind is an unknown token. Where there is no time of issue, take 1970 and
/// `Lifetime::new(Duration::MAX)`, and the record's own end is the only one. A token that
/// belongs to no login is a session of its own, of 16 bytes that no other has: its row's id.
///
/// Compare subjects byte by byte: `alice` and `Alice` are two, and so are the ids `1` and `01`.
/// A subject that is no user of yours has no tokens. Index the subject and `ends_at`; an index on
/// a time that every use moves only costs. [`extend`](Self::extend) is one statement a touch, and
/// [`find`](Self::find) one JOIN:
///
/// ```sql
/// UPDATE tokens SET last_used_at = greatest(last_used_at, :used_at),
///     expires_at = greatest(expires_at, least(:expires_at, ends_at))
/// WHERE digest = :digest AND :used_at < expires_at;
///
/// SELECT t.*, u.name, u.active FROM tokens t JOIN users u ON u.id = t.user_id
/// WHERE t.digest = :digest;
/// ```
///
/// The whole of such a store is the example `own_database`, and `testing::contract` (feature
/// `test-util`) is a suite that says which of these promises yours breaks.
#[async_trait]
pub trait TokenStore: Send + Sync + 'static {
    /// Who calls, in your own type: what handlers get.
    type Principal: Send + Sync + 'static;

    /// The token with this digest and its principal, in one look-up (one JOIN). None when there
    /// is no such token; [`Found::suspended`] when there is, but its principal may not act now.
    /// Where a principal is gone, either will do.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't say: the client gets 503, never 401.
    async fn find(&self, digest: &TokenDigest) -> Finding<Self::Principal>;

    /// The same answer at once, from memory. None: ask [`find`](Self::find). It must not block,
    /// and where it answers it must answer as `find` would.
    fn find_now(&self, digest: &TokenDigest) -> Option<Finding<Self::Principal>> {
        let _ = digest;
        None
    }

    /// Writes down uses. Each touch moves its token's `last_used_at` to `used_at` and its
    /// `expires_at` to the touch's, both forward only and the latter never beyond `ends_at`
    /// ([`TokenTimes::extended`](crate::TokenTimes::extended) says it in code). A token that is
    /// gone, or had ended by `used_at` (`expires_at <= used_at`), stays as it is. One touch may fail
    /// alone; a failure never fails a request.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't say whether they are written.
    async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError>;
}

/// What a store does beside [`TokenStore`] for whoever issues and revokes tokens.
///
/// Whatever is said of tokens here is said of refresh tokens too: they are listed, counted, removed
/// and purged as any other.
#[async_trait]
pub trait IssuingStore: TokenStore {
    /// Keeps the tokens of a new login, in the way that the slot says, atomically: two logins of
    /// one subject at the same moment agree on one outcome, and no limit is ever exceeded. A token
    /// whose digest is there already is replaced: taking over the same one twice is no error.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't say, or knows no such subject. Then nothing of the login
    /// is kept, or all of it where the answer alone was lost: nobody has its secret.
    async fn insert(&self, new: NewSession, slot: Slot) -> Result<Inserted, StoreError>;

    /// Whether a token is there now: what makes further ones asks, which must not outlive it. A store
    /// that remembers what it has found asks anew.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't say.
    async fn holds(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        Ok(self.find(digest).await?.is_some())
    }

    /// Removes one token. Whether there was one.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't say.
    async fn remove(&self, digest: &TokenDigest) -> Result<bool, StoreError>;

    /// Removes all tokens of one session, if it is this subject's. How many there were.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't say.
    async fn remove_session(
        &self,
        subject: &Subject,
        session: &SessionId,
    ) -> Result<u64, StoreError>;

    /// Removes all tokens of a subject, but for one session if it is named. How many there were.
    /// Once this has answered, no token that was inserted before it was called is left.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't say.
    async fn remove_subject(
        &self,
        subject: &Subject,
        but: Option<&SessionId>,
    ) -> Result<u64, StoreError>;

    /// All records of a subject, dead ones too, in any order.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't say.
    async fn list(&self, subject: &Subject) -> Result<Vec<TokenRecord>, StoreError>;

    /// Removes at most this many tokens whose `ends_at` is at or before `ended_by`. How many it
    /// removed; fewer than `most` means that none are left. It never makes look-ups wait long; where
    /// these don't wait for writers, one statement does for the 10,000 at most that the authority
    /// asks for.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't say.
    async fn purge(&self, ended_by: Timestamp, most: NonZeroUsize) -> Result<usize, StoreError>;
}

/// What a store does beside [`IssuingStore`] for refresh tokens.
///
/// A session has one refresh token's record, found by
/// [`TokenDigest::of_session`]. Its texts, and those of the access tokens that rotations give (their
/// records have no seed), are derived from its seed and its generation, so neither spent ones nor
/// retries need rows of their own.
#[async_trait]
pub trait RotatingStore: IssuingStore {
    /// Turns a session's refresh token to its next generation, atomically: of any number of
    /// rotations from one generation, one alone is [`Rotated::Rotated`].
    ///
    /// | the first that is true | answer | changes |
    /// |---|---|---|
    /// | no refresh token has the digest, or its `expires_at` is `at` or before | `Unknown` | |
    /// | the generation shown is its own | `Rotated` | its record, by [`TokenRecord::rotated`] with [`TokenTimes::extended`](crate::TokenTimes::extended); the new access token is kept in place of the session's others of its kind |
    /// | the one shown is later | `Unknown` | |
    /// | the one shown is the one before, and `at` is before `rotated_at` + `grace` | `Again`, or `Unknown` if no access token of the kind is left | |
    /// | the one shown is any other | `Reused` | all tokens of the session go |
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't say.
    async fn rotate(&self, rotation: Rotation) -> Result<Rotated, StoreError>;
}

/// A use to be written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// The token.
    pub digest: TokenDigest,
    /// When it was used.
    pub used_at: Timestamp,
    /// To where this use moves its end.
    pub expires_at: Timestamp,
}

/// A token to be kept.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Its key.
    pub digest: TokenDigest,
    /// All else.
    pub record: TokenRecord,
}

/// The tokens of one login: all of one subject and one session.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The token that opens resources.
    pub access: NewToken,
    /// The session's refresh token, if it has one; it is of the same kind, and has a generation.
    /// Only a [`RotatingStore`] is ever given one.
    pub refresh: Option<NewToken>,
}

/// Beside which of the subject's tokens a new session is kept. Only sessions that have a token of
/// the new one's kind count; others stay as they are. Where one of them ends, it ends whole: with
/// its tokens of other kinds, which were [delegated](crate::TokenAuthority::delegate) by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// What becomes of those that are there.
    pub place: Place,
    /// The most live sessions of the subject, the new one (or the one that is there instead)
    /// among them, which always stays; of the others those that were least recently used go
    /// first, with all of their tokens, of other kinds too. A session lives while the `expires_at`
    /// of one of its tokens of the new one's kind is after the new one's `issued_at`, and was last
    /// used when any of those was, a dead one or the refresh token too. Dead sessions may stay or
    /// go.
    pub limit: Option<NonZeroUsize>,
}

/// What becomes of a subject's tokens when a new one comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// They stay.
    Add,
    /// A derived one (it has a seed and is no refresh token) is not replaced: it takes the new
    /// one's times, scopes and label ([`TokenRecord::renewed`]), also when it was dead, and all
    /// else stays. Only where there is none, the new one is kept. Where there are several, any will
    /// do.
    Renew,
    /// A live derived one (its `expires_at` is after the new one's `issued_at`) stays as it is, and
    /// the new one is not kept; a dead one goes, and nothing else of its session.
    KeepLive,
    /// All such sessions end.
    ReplaceAll,
}

/// What came of an insertion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inserted {
    /// None, where the new session is kept. Otherwise it is not: this derived token, whose seed
    /// tells its text, was renewed or is kept instead.
    pub instead: Option<TokenRecord>,
    /// How many tokens went with the sessions that ended for it: all, or those beyond the limit.
    pub ended: u64,
}

/// A refresh token's use.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The session's refresh token, [`TokenDigest::of_session`].
    pub digest: TokenDigest,
    /// The generation that was shown. Whoever calls has checked that it is authentic, and that its
    /// principal may act.
    pub generation: u32,
    /// When.
    pub at: Timestamp,
    /// For how long after a rotation its predecessor is told the same again. Zero: not at all. A
    /// clock that is set back makes it longer by as much, rather than end a login whose client has
    /// lost an answer.
    pub grace: Duration,
    /// To where this moves the refresh token's end: forward only, never beyond its `ends_at`.
    pub expires_at: Timestamp,
    /// The access token of the next generation, of the same subject and session. Older ones of its
    /// kind in the session go; the refresh token, which is of that kind too, stays.
    pub access: NewToken,
}

/// What came of a rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// The generation shown was the current one; the next one is now.
    Rotated,
    /// The generation shown was the one before the current, within the grace: the client lost
    /// the answer. This is the access token of that first rotation; the retry's own is not kept.
    /// Where a step-up has put another of its kind into the session, either will do.
    Again(TokenRecord),
    /// The generation shown was older than that, or the grace is over: somebody else has used it.
    /// The session is removed, with all of its tokens, of other kinds too.
    Reused,
    /// There is no such session, it had ended, its generation is not there yet, or what would be
    /// told again has been removed. Nothing changes.
    Unknown,
}
