import type { Outcome, WalRecord } from '@daybook/core'
import { makeRecord, VirtualClock } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { resolveOptions } from '../src/elasticsearch-options.ts'
import { HoldingWriter } from '../src/holding-writer.ts'
import { fakeClient } from './fake-client.ts'

const { signal } = new AbortController()
const closed: Outcome = { status: 'held', code: 'index_closed_exception', message: 'closed' }
const applied: Outcome = { status: 'applied' }

/** Records go into the index that their key names. `down` has those that take nothing. */
function writerOver(down: Set<string>) {
  const clock = new VirtualClock()
  const sent: string[] = []
  const asked: string[] = []
  let isSilent = false
  let isHung = false
  const given: AbortSignal[] = []
  const writer = {
    ops: ['put'] as const,
    apply: async (records: readonly WalRecord[]) =>
      records.map(({ key = '' }) => {
        sent.push(key)
        return down.has(key) ? closed : applied
      }),
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
  return { clock, sent, asked, given, apply, silence, hang }
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
  down.add('bad')
  expect(await apply('bad')).toMatchObject([waits(1_000)])
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
    expect(await apply('bad')).toMatchObject([waits(100)])
    await clock.advance(9_999)
    expect(await apply('bad')).toMatchObject([waits(100)])
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
