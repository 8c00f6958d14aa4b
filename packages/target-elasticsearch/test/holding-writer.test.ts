import type { HeldOutcome, Outcome, WalRecord } from '@daybook/core'
import { makeRecord, VirtualClock } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { resolveOptions } from '../src/elasticsearch-options.ts'
import { HoldingWriter } from '../src/holding-writer.ts'
import { fakeClient } from './fake-client.ts'

const { signal } = new AbortController()
const closed: HeldOutcome = { status: 'held', code: 'index_closed_exception', message: 'closed' }
const applied: Outcome = { status: 'applied' }

/** Records go into the index that their key names. `down` has those that take nothing. */
function writerOver(
  down: Set<string>,
  onBulk: (records: readonly WalRecord[]) => Promise<void> = async () => {},
) {
  const clock = new VirtualClock()
  const sent: string[] = []
  /** Keys of each call of the writer, and how long the store may wait in it. */
  const bulks: (readonly [keys: string, patienceMs: number | undefined])[] = []
  const asked: string[] = []
  let isSilent = false
  let isHung = false
  let refusal = closed
  const given: AbortSignal[] = []
  const writer = {
    ops: ['put'] as const,
    async apply(records: readonly WalRecord[], _: AbortSignal, patienceMs?: number) {
      bulks.push([records.map(({ key }) => key).join(' '), patienceMs])
      await onBulk(records)
      return records.map(({ key = '' }) => {
        sent.push(key)
        return down.has(key) ? refusal : applied
      })
    },
  }
  const calls = {
    async shardHealth({ index }: { readonly index: string }, signal: AbortSignal) {
      asked.push(index)
      given.push(signal)
      if (isHung) await new Promise(() => {})
      if (isSilent) throw new Error('no shard')
    },
  }
  const options = { client: fakeClient(() => ({})), index: ({ key = '' }: WalRecord) => key }
  const holding = new HoldingWriter(resolveOptions(options), writer, calls, clock)
  const apply = (...keys: string[]) =>
    holding.apply(
      keys.map((key) => makeRecord({ key })),
      signal,
    )
  const silence = (silent: boolean) => {
    isSilent = silent
  }
  const hang = (hung: boolean) => {
    isHung = hung
  }
  const refuseWith = (code: string) => {
    refusal = { ...closed, code }
  }
  return { clock, sent, bulks, asked, given, apply, silence, hang, refuseWith }
}

const waits = (retryAfterMs: number) => ({ ...closed, retryAfterMs })

test('an index that takes nothing holds its records back without being sent them, and no others', async () => {
  const down = new Set(['bad'])
  const { clock, sent, asked, apply } = writerOver(down)
  expect(await apply('good', 'bad', 'good')).toMatchObject([applied, waits(1_000), applied])
  await clock.advance(400)
  expect(await apply('bad', 'good')).toMatchObject([waits(600), applied])
  expect(sent).toEqual(['good', 'bad', 'good', 'good'])
  await clock.advance(600)
  // It is asked after beside the batch, and its records go once that was answered.
  expect(await apply('bad')).toMatchObject([waits(100)])
  down.clear()
  expect(await apply('bad', 'bad')).toEqual([applied, applied])
  expect(asked).toEqual(['bad'])
  expect(sent.slice(4)).toEqual(['bad', 'bad'])
  // What refuses again within a minute waits for longer, and what has been well for as long begins anew.
  down.add('bad')
  expect(await apply('bad')).toMatchObject([waits(2_000)])
  down.clear()
  await clock.advance(2_000)
  await apply('bad')
  await clock.advance(60_000)
  expect(await apply('bad')).toEqual([applied])
  down.add('bad')
  expect(await apply('bad')).toMatchObject([waits(1_000)])
})

test('what goes to an index that refused a moment ago goes apart, and the store waits for it but a moment', async () => {
  const down = new Set(['bad'])
  const { clock, bulks, apply } = writerOver(down)
  await apply('good', 'bad')
  await clock.advance(1_000)
  await apply('bad')
  // It has answered, and takes no writes.
  expect(await apply('good', 'bad', 'fine', 'bad')).toMatchObject([
    ...[applied, waits(2_000), applied, waits(2_000)],
  ])
  down.clear()
  await clock.advance(2_000)
  await apply('bad')
  await apply('bad', 'good')
  await clock.advance(57_999)
  await apply('bad', 'good')
  await clock.advance(2_001)
  await apply('bad', 'good')
  await apply('bad', 'good')
  expect(bulks).toEqual([
    ...[['good bad', 1_000] as const, ['good fine', 1_000] as const, ['bad bad', 500] as const],
    ...[['good', 1_000] as const, ['bad', 500] as const],
    ...[['good', 1_000] as const, ['bad', 500] as const],
    ...[['good', 1_000] as const, ['bad', 500] as const, ['bad good', 1_000] as const],
  ])
})

test.each(['process_cluster_event_timeout_exception', 'mapper_exception'])(
  'what a master had no time for is not given less of it the next time: %s',
  async (code) => {
    const { clock, bulks, apply, refuseWith } = writerOver(new Set(['slow', 'bad']))
    refuseWith(code)
    await apply('slow')
    await clock.advance(1_000)
    await apply('slow')
    await apply('slow', 'good')
    // Of others it is still asked for little.
    refuseWith('unavailable_shards_exception')
    await apply('bad')
    await clock.advance(1_000)
    await apply('bad')
    await apply('bad', 'good')
    expect(bulks).toEqual([
      ...[['slow', 1_000] as const, ['good', 1_000] as const, ['slow', 1_000] as const],
      ...[['bad', 1_000] as const, ['good', 1_000] as const, ['bad', 500] as const],
    ])
  },
)

test('an apply of which one part fails as a whole is not over before the other is', async () => {
  let isBroken = false
  const { clock, sent, apply } = writerOver(new Set(['bad']), async ([record]) => {
    if (isBroken && record?.key === 'good') throw new Error('broken')
    if (isBroken) await new Promise<void>((resolve) => clock.setTimer(300, resolve))
  })
  await apply('bad')
  await clock.advance(1_000)
  await apply('bad')
  isBroken = true
  const ended: string[] = []
  const end = apply('good', 'bad').catch(({ message }: Error) => ended.push(message))
  await clock.advance(299)
  expect(ended).toEqual([])
  await clock.advance(1)
  await end
  expect(ended).toEqual(['broken'])
  expect(sent).toEqual(['bad', 'bad'])
})

test('the waits of an index grow while it refuses, or its shard is silent, up to half a minute', async () => {
  const { clock, sent, asked, apply, silence } = writerOver(new Set(['bad']))
  const seen: unknown[] = []
  for (let times = 0; times < 8; times++) {
    silence(times % 2 === 1)
    await apply('bad')
    const [outcome] = await apply('bad')
    const wait = outcome !== undefined && 'retryAfterMs' in outcome ? outcome.retryAfterMs : 0
    seen.push(wait)
    await clock.advance(wait ?? 0)
  }
  expect(seen).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
  // Where the shard was silent no record was sent.
  expect(asked).toHaveLength(7)
  expect(sent).toHaveLength(4)
})

test('a question after an index that is never answered is given up, and asked again after growing waits', async () => {
  const down = new Set(['bad'])
  const { clock, asked, given, apply, hang } = writerOver(down)
  await apply('bad')
  hang(true)
  for (const waitMs of [1_000, 2_000]) {
    await clock.advance(waitMs)
    // The longer it takes, the more rarely it is looked.
    for (const [passedMs, leftMs] of [
      ...[[0, 100] as const, [100, 100] as const, [300, 400] as const, [9_599, 1_000] as const],
    ]) {
      await clock.advance(passedMs)
      expect(await apply('bad')).toMatchObject([waits(leftMs)])
    }
    await clock.advance(1)
    expect(await apply('bad')).toMatchObject([waits(waitMs * 2)])
  }
  expect(given.map(({ aborted }) => aborted)).toEqual([true, true])
  hang(false)
  down.clear()
  await clock.advance(4_000)
  await apply('bad')
  expect(await apply('bad')).toEqual([applied])
  expect(asked).toHaveLength(3)
})
