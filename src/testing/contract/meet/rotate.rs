use super::{Came, call, meet, remove_all, rotate};
use crate::store::{Rotated, RotatingStore, Rotation};
use crate::testing::contract::broken::{Fault, Report, same};
use crate::testing::contract::rotate::Login;
use crate::testing::contract::stage::{Stage, gone, kept, lists};
use crate::testing::contract::token::{ADD, session};

pub(in super::super) async fn rotating<S: RotatingStore>(
    stage: &Stage<'_, S>,
    report: &mut Report,
) {
    report.promise(
        "of rotations that meet one alone wins, and all others are told its access token",
        one_winner(stage).await,
    );
    report.promise(
        "a rotation that meets a logout leaves nothing of the session",
        rotation_beside_logout(stage).await,
    );
    report.promise(
        "a rotation that meets a reuse leaves nothing of the session",
        rotation_beside_reuse(stage).await,
    );
}

async fn one_winner<S: RotatingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    for round in 0..stage.rounds() {
        let store = stage.empty().await?;
        let login = Login::new(stage.token(1));
        store.insert(login.draft.refreshable(), ADD).await?;
        let rotations: Vec<Rotation> = (2..8).map(|n| login.rotation(0, n, 10)).collect();
        let calls = rotations
            .iter()
            .map(|rotation| rotate(&store, rotation.clone()))
            .collect();
        let came = meet(stage, round, calls).await?;
        let won: Vec<&Rotation> = came
            .iter()
            .zip(&rotations)
            .filter(|(came, _)| **came == Came::Rotated(Rotated::Rotated))
            .map(|(_, rotation)| rotation)
            .collect();
        same("how many won", &won.len(), &1)?;
        kept(&*store, "the winner's access token", &won[0].access).await?;
        let again = Came::Rotated(Rotated::Again(won[0].access.record.clone()));
        let told = came.iter().filter(|came| **came == again).count();
        same("how many were told the winner's access token", &told, &5)?;
        let left = store.list(&stage.subject()).await?.len();
        same("how many tokens are left", &left, &2)?;
    }
    Ok(())
}

async fn rotation_beside_logout<S: RotatingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    for round in 0..stage.rounds() {
        let store = stage.empty().await?;
        let login = Login::new(stage.token(1));
        store.insert(login.draft.refreshable(), ADD).await?;
        let (subject, logout) = (stage.subject(), round / 2 % 2 == 0);
        let removal = match logout {
            true => call(&store, async move |store| {
                store
                    .remove_session(&subject, &session(1))
                    .await
                    .map(Came::Removed)
            }),
            false => remove_all(&store, &login.draft),
        };
        let calls = vec![rotate(&store, login.rotation(0, 2, 10)), removal];
        meet(stage, round, calls).await?;
        lists(&*store, "the list", &stage.subject(), &[]).await?;
        gone(
            &*store,
            "the rotation's access token",
            &stage.token(2).digest(),
        )
        .await?;
    }
    Ok(())
}

async fn rotation_beside_reuse<S: RotatingStore>(stage: &Stage<'_, S>) -> Result<(), Fault> {
    for round in 0..stage.rounds() {
        let store = stage.empty().await?;
        let login = Login::new(stage.token(1));
        store.insert(login.draft.refreshable(), ADD).await?;
        store.rotate(login.rotation(0, 2, 10)).await?;
        store.rotate(login.rotation(1, 3, 20)).await?;
        let calls = vec![
            rotate(&store, login.rotation(2, 4, 30)),
            rotate(&store, login.rotation(0, 5, 30)),
        ];
        let came = meet(stage, round, calls).await?;
        same(
            "the answer to the reuse",
            &came[1],
            &Came::Rotated(Rotated::Reused),
        )?;
        lists(&*store, "the list", &stage.subject(), &[]).await?;
    }
    Ok(())
}
