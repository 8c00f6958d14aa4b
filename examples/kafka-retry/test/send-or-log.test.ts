import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Target, unavailable } from '@daybook/core'
import { until } from '@daybook/example-stage'
import { afterEach, expect, test } from 'vitest'
import type { Rating } from '../src/rating.ts'
import { openRatingWal, type RatingWal } from '../src/rating-wal.ts'
import { SendOrLog } from '../src/send-or-log.ts'

const ids = ['0', '1', '2', '3', '4'].map((digit) => `0198b0a0-0000-7000-8000-00000000000${digit}`)
const ratings = ids.map((id, at): Rating => ({ id, film: 'alien', number: at + 1, stars: 8 }))
const directories: string[] = []

afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})

/** A broker that can be down, and the log beside it. */
async function open(
  directory = mkdtempSync(join(tmpdir(), 'daybook-send-or-log-')),
  isDown = false,
) {
  directories.push(directory)
  const broker = { isDown, numbers: [] as number[], asked: 0 }
  const kafka: Target<Rating> = {
    idempotency: 'id',
    async apply(records) {
      if (broker.isDown) return records.map(() => unavailable('DOWN', 'away'))
      for (const { op, payload } of records) if (op === 'put') broker.numbers.push(payload.number)
      return undefined
    },
  }
  const wal: RatingWal = await openRatingWal(directory, kafka, kafka)
  wal.on('error', () => {})
  await wal.start()
  const sender = await SendOrLog.open(wal, async ({ number }) => {
    broker.asked++
    if (broker.isDown) throw new Error('away')
    broker.numbers.push(number)
  })
  return { broker, wal, sender, directory }
}

type Unsent = ReturnType<typeof unsentOf>
const unsentOf = (wal: RatingWal) => wal.namespace('unsent')

/** The same log, of which the answers to the first so many writes get lost: what was asked is noted. */
function losingAnswers(wal: RatingWal, lost: number) {
  const asked: { id?: string | undefined; version?: bigint | undefined }[] = []
  const unsent = unsentOf(wal)
  const tryWrite: Unsent['tryWrite'] = async (record) => {
    const receipt = await unsent.tryWrite(record)
    asked.push({ id: record.id, version: record.version ?? receipt.version })
    if (asked.length > lost) return receipt
    return { id: receipt.id, version: receipt.version, durable: 'unknown', message: 'lost' }
  }
  const replace = <T extends object>(of: T, replaced: Partial<T>): T =>
    new Proxy(of, {
      get: (_, name) => {
        const value = Reflect.get(name in replaced ? replaced : of, name)
        return typeof value === 'function' ? value.bind(of) : value
      },
    })
  const namespace = () => replace(unsent, { tryWrite })
  return { asked, wal: replace(wal, { namespace: namespace as RatingWal['namespace'] }) }
}

const [first, second, third, fourth] = ratings as [Rating, Rating, Rating, Rating]

test('a rating goes past the log while Kafka takes it', async () => {
  const { broker, wal, sender } = await open()
  expect(await sender.send(first)).toBe('Kafka')
  expect(broker.numbers).toEqual([1])
  await wal.close()
})

test('what Kafka does not take waits in the log, and what comes then waits behind it', async () => {
  const { broker, wal, sender } = await open()
  await sender.send(first)
  broker.isDown = true
  const sends = [second, third].map((rating) => sender.send(rating))
  expect(await Promise.all(sends)).toEqual(['the log', 'the log'])
  expect(sender.waiting).toBe(2)
  // Back, but the log has not noticed yet: to overtake it would be wrong.
  broker.isDown = false
  expect(await sender.send(fourth)).toBe('the log')
  expect(broker.asked).toBe(2)
  await until('the log is empty', () => sender.waiting === 0)
  expect(broker.numbers).toEqual([1, 2, 3, 4])
  expect(await sender.send({ ...first, id: ids[4] ?? '', number: 5 })).toBe('Kafka')
  await wal.close()
})

test('what an earlier process left in the log goes before anything new', async () => {
  const earlier = await open()
  earlier.broker.isDown = true
  await earlier.sender.send(first)
  await earlier.wal.close()

  const { broker, wal, sender } = await open(earlier.directory, true)
  expect(await sender.send(second)).toBe('the log')
  expect(broker.asked).toBe(0)
  broker.isDown = false
  await until('the log is empty', () => sender.waiting === 0 && broker.numbers.length === 2)
  expect(broker.numbers).toEqual([1, 2])
  await wal.close()
})

test('a write to the log of which nobody knows is made again as the same record', async () => {
  const { broker, wal } = await open()
  broker.isDown = true
  const { asked, wal: lossy } = losingAnswers(wal, 1)
  const sender = await SendOrLog.open(lossy, async () => Promise.reject(new Error('away')))
  expect(await sender.send(first)).toBe('the log')
  const [{ version } = {}] = asked
  expect(asked).toEqual([
    { id: first.id, version },
    { id: first.id, version },
  ])
  broker.isDown = false
  await until('it is sent', () => sender.waiting === 0)
  await wal.close()
})

test('what may be in the log is not overtaken, although its sender was told that nobody knows', async () => {
  const { broker, wal } = await open()
  broker.isDown = true
  const { wal: lossy } = losingAnswers(wal, 5)
  const sender = await SendOrLog.open(lossy, async ({ number }) => {
    if (broker.isDown) throw new Error('away')
    broker.numbers.push(number)
  })
  await expect(sender.send(first)).rejects.toMatchObject({ receipt: { durable: 'unknown' } })
  broker.isDown = false
  expect(await sender.send(second)).toBe('the log')
  await until('both are sent', () => broker.numbers.includes(2))
  expect(new Set(broker.numbers)).toEqual(new Set([1, 2]))
  expect(broker.numbers.indexOf(1)).toBe(0)
  await wal.close()
})
