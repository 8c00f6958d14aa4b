import { checkEqual } from '../check.ts'
import { makeDeadLetter } from '../make-record.ts'
import { type DeadLetterCase, type DeadLetterFixture, letterIds } from './dead-letter-fixture.ts'

/** Letters that go. */
export const removeCases: readonly DeadLetterCase[] = [
  { name: 'removes the letters named, and no other', run: removesTheNamed },
  { name: 'answers how many letters it removed', run: answersHowMany },
  { name: 'counts once a letter removed by two calls at once', run: countsOnce },
  { name: 'takes a letter again that was removed', run: takesAgain },
  { name: 'lets go of what is void, and of no other, where it offers to', run: removesTheVoid },
]

const howMany = 'DeadLetterQueue.remove answers how many of the letters it had'

async function removesTheNamed(fixture: DeadLetterFixture): Promise<void> {
  const letters = await fixture.putMany(6)
  const [gone, stay] = [letters.slice(2, 4), [...letters.slice(0, 2), ...letters.slice(4)]]
  await fixture.queue.remove(letterIds(gone))
  checkEqual(await fixture.listAll(), stay, 'A removed letter is gone, and the others stay')
  for (const { id } of gone) {
    checkEqual(await fixture.queue.get(id), undefined, 'A removed letter is gone')
  }
}

async function answersHowMany(fixture: DeadLetterFixture): Promise<void> {
  const [first, second, third] = letterIds(await fixture.putMany(3))
  const ids = [first ?? '', 'no such letter', second ?? '', first ?? '']
  checkEqual(await fixture.queue.remove([]), 0, howMany)
  checkEqual(
    await fixture.queue.remove(['no such letter']),
    0,
    `${howMany}; unknown ids are passed over`,
  )
  checkEqual(await fixture.queue.remove(ids), 2, `${howMany}; an id named twice counts once`)
  checkEqual(await fixture.queue.remove(ids), 0, `${howMany}; a second call finds none`)
  checkEqual(
    letterIds(await fixture.listAll()),
    [third],
    'A removed letter is gone, and the others stay',
  )
}

async function countsOnce(fixture: DeadLetterFixture): Promise<void> {
  const ids = letterIds(await fixture.putMany(5))
  const removed = await Promise.all([fixture.queue.remove(ids), fixture.queue.remove(ids)])
  checkEqual(removed[0] + removed[1], 5, howMany)
  checkEqual(await fixture.listAll(), [], 'A removed letter is gone')
}

async function takesAgain(fixture: DeadLetterFixture): Promise<void> {
  const [letter, other] = await fixture.putMany(2)
  if (!letter || !other) return
  await fixture.queue.remove([letter.id])
  const again = { ...letter, message: 'Refused once more.' }
  await fixture.queue.put([again, makeDeadLetter()])
  checkEqual(await fixture.queue.get(letter.id), again, 'A letter removed may be put again')
  checkEqual((await fixture.listAll()).length, 3, 'A letter removed may be put again')
}

async function removesTheVoid(fixture: DeadLetterFixture): Promise<void> {
  const [seen, unseen, stays] = await fixture.putMany(3)
  if (!seen || !unseen || !stays) return
  const { queue } = fixture
  // Without it core asks for their removal.
  const letGo = (ids: readonly string[]) => queue.removeIfSeen?.(ids) ?? queue.remove(ids)
  await letGo([unseen.id, 'no such letter'])
  checkEqual(
    await fixture.listAll(),
    [seen, stays],
    'DeadLetterQueue.removeIfSeen lets go of what it comes across',
  )
  await letGo([seen.id])
  checkEqual(
    await fixture.listAll(),
    [stays],
    'DeadLetterQueue.removeIfSeen lets go of what it has at hand',
  )
  checkEqual(await queue.get(seen.id), undefined, 'A letter that is void is gone')
  await queue.put([seen])
  checkEqual(await queue.get(seen.id), seen, 'A letter that was void may be put again')
}
