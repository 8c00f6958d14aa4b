import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  applied,
  createWal,
  type DeadLetterSelection,
  defineTarget,
  fanOut,
  memoryQueue,
  permanent,
  type RedriveOptions,
  type TargetOptions,
  type WalRecord,
} from '../../src/index.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

interface Visit {
  readonly at: number
}

/** A wal whose one target refuses everything, with so many letters, and what it was given. */
async function withLetters(count: number, options: TargetOptions<Visit> = {}) {
  const given: WalRecord<Visit>[] = []
  let answer = () => permanent('NO', 'never')
  const target = defineTarget<Visit>(
    async (records) => {
      given.push(...records)
      return records.map(() => answer())
    },
    { idempotency: 'version', ...options },
  )
  const wal = await createWal({
    clock: new VirtualClock(),
    namespaces: {
      visits: fanOut({
        payload: z.object({ at: z.string().transform((text) => text.length) }),
        queue: memoryQueue(),
        targets: { target },
      }),
    },
  })
  const visits = wal.namespace('visits')
  for (let i = 0; i < count; i++) await visits.write({ key: `k${i}`, payload: { at: 'four' } })
  await wal.start()
  await wal.drain()
  const accept = (): void => {
    answer = () => applied as never
  }
  return { wal, visits, letters: visits.deadLetters, given, accept }
}

describe('a selection of dead letters', () => {
  it.each<[string, unknown]>([
    ['a misspelt condition', { taget: 'target' }],
    ['a condition that is undefined', { target: undefined }],
    ['no condition', {}],
    ['nothing', undefined],
    ['null', null],
    ['another word', 'everything'],
    ['an array', ['id']],
    ['ids that are no array', { ids: 'id' }],
    ['ids that are undefined', { ids: undefined }],
    ['ids and a condition', { ids: [], code: 'NO' }],
    ['a code that is a number', { code: 5 }],
    ['an instant that is text', { since: '2026-01-01' }],
  ])('that is %s is refused, and no letter is touched', async (_, selection) => {
    const { wal, letters } = await withLetters(2)
    const refused = { code: 'ERR_INVALID_SELECTION' }
    const wrong = selection as DeadLetterSelection<'target'>
    await expect(letters.discard(wrong)).rejects.toMatchObject(refused)
    await expect(letters.redrive(wrong)).rejects.toMatchObject(refused)
    expect(await letters.count()).toEqual(new Map([['target', 2]]))
    await wal.close()
  })

  it.each<[string, DeadLetterSelection<'target'>, number]>([
    ['all', 'all', 2],
    ['no ids', { ids: [] }, 0],
    ['a condition beside undefined ones', { code: 'NO', key: undefined }, 2],
    ['two conditions', { target: 'target', key: 'k1' }, 1],
  ])('by %s is taken as it is', async (_, selection, count) => {
    const { wal, letters } = await withLetters(2)
    expect(await letters.discard(selection)).toBe(count)
    await wal.close()
  })

  it('with options that are misspelt redrives nothing', async () => {
    const { wal, letters } = await withLetters(1)
    for (const options of [{ dryrun: true }, { dryRun: 'yes' }, { edit: {} }]) {
      await expect(letters.redrive('all', options as RedriveOptions<Visit>)).rejects.toMatchObject({
        code: 'ERR_INVALID_SELECTION',
      })
    }
    await expect(letters.list({ limit: 0 })).rejects.toMatchObject({
      code: 'ERR_INVALID_SELECTION',
    })
    await expect(letters.groups({ taget: 'x' } as never)).rejects.toMatchObject({
      code: 'ERR_INVALID_SELECTION',
    })
    expect(await letters.count()).toEqual(new Map([['target', 1]]))
    await wal.close()
  })
})

describe('a redrive', () => {
  it('of all ends, though every record fails again while it goes on', async () => {
    const { wal, letters } = await withLetters(300)
    const { redriven, failed } = await letters.redrive('all')
    expect([redriven.length, new Set(redriven).size, failed]).toEqual([300, 300, []])
    await wal.drain()
    const { letters: again } = await letters.list({ limit: 1000 })
    expect(again.map(({ stored }) => stored.attemptEpoch)).toEqual(redriven.map(() => 1))
    await wal.close()
  })

  it('stores an edited payload as it is, without its schema', async () => {
    const { wal, letters, given, accept } = await withLetters(1)
    accept()
    const report = await letters.redrive('all', { edit: () => ({ payload: { at: 7 } }) })
    expect(report.failed).toEqual([])
    await wal.drain()
    expect(given.at(-1)).toMatchObject({ payload: { at: 7 } })
    await wal.close()
  })

  it.each<[string, unknown, string]>([
    ['sets what cannot be changed', { key: 'other' }, 'ERR_INVALID_RECORD'],
    ['is a promise', async () => ({ payload: { at: 1 } }), 'ERR_INVALID_RECORD'],
    ['is a promise that fails', () => Promise.reject(new Error('x')), 'ERR_INVALID_RECORD'],
    ['is null', null, 'ERR_INVALID_RECORD'],
    ['has a header that is a number', { headers: { a: 1 } }, 'ERR_INVALID_RECORD'],
    ['has a header with half a character', { headers: { a: '\ud83c' } }, 'ERR_INVALID_RECORD'],
    ['cannot be encoded', { payload: 1n }, 'ERR_NOT_SERIALIZABLE'],
    ['its target refuses', { payload: { at: -1 } }, 'ERR_INVALID_RECORD'],
  ])('keeps the letter whose edit %s', async (_, edit, code) => {
    const { wal, letters } = await withLetters(1, {
      validate: ({ payload }) => (Number(payload?.at) < 0 ? 'before time' : undefined),
    })
    const give = typeof edit === 'function' ? edit : () => edit
    const report = await letters.redrive('all', { edit: give as never })
    expect(report).toMatchObject({ redriven: [], failed: [{ error: { code } }] })
    expect(await letters.count()).toEqual(new Map([['target', 1]]))
    await wal.close()
  })

  it('keeps the letter whose edit throws, and says why', async () => {
    const { wal, letters } = await withLetters(1)
    const edit = () => {
      throw new Error('no idea')
    }
    expect(await letters.redrive('all', { edit })).toMatchObject({
      failed: [
        { error: { message: expect.stringContaining('no idea'), code: 'ERR_INVALID_PAYLOAD' } },
      ],
    })
    await wal.close()
  })

  it('keeps the headers and the payload that an edit leaves out', async () => {
    const { wal, letters, given, accept } = await withLetters(1)
    accept()
    await letters.redrive('all', { edit: () => ({ headers: { why: 'mended' } }) })
    await wal.drain()
    expect(given.at(-1)).toMatchObject({ headers: { why: 'mended' }, payload: { at: 4 } })
    await wal.close()
  })
})
