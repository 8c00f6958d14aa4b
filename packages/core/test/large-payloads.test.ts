import { expect, it } from 'vitest'
import { bytesCodec, createWal, fanOut, permanent } from '../src/index.ts'
import { temporaryDirectory } from './queue/file/support/temporary-directory.ts'

const mib = 2 ** 20

it('takes the largest payload with the longest fields, and redrives what came of it', async () => {
  const applied: number[] = []
  let isRefusing = true
  const options = () => ({
    directory,
    namespaces: {
      films: fanOut({
        codec: bytesCodec,
        targets: {
          archive: {
            idempotency: 'id' as const,
            async apply(records) {
              if (isRefusing) return records.map(() => permanent('NO', 'not yet'))
              for (const { payload } of records)
                applied.push((payload as Uint8Array)[64 * mib - 1] ?? 0)
              return
            },
          },
        },
      }),
    },
  })
  const directory = await temporaryDirectory()
  const wal = await createWal(options())
  const payload = new Uint8Array(64 * mib).fill(5)
  const headers = Object.fromEntries(
    Array.from({ length: 6000 }, (_, at) => [`header ${at}`.padEnd(10, '—'), '']),
  )
  const key = '—'.repeat(1024)
  const written = wal.write('films', { key, payload, headers })
  // A large payload is copied, so this changes nothing of it.
  payload.fill(9)
  expect(await written).toMatchObject({ durable: 'yes' })
  await expect(wal.write('films', { key, payload: new Uint8Array(64 * mib + 1) })).rejects.toThrow(
    expect.objectContaining({ code: 'ERR_PAYLOAD_TOO_LARGE' }),
  )
  await wal.start()
  expect(await wal.drain()).toMatchObject({ films: { archive: { dead: 1 } } })
  await wal.close()

  const again = await createWal(options())
  isRefusing = false
  await again.start()
  const report = await again.namespace('films').deadLetters.redrive('all')
  expect(report).toMatchObject({ failed: [] })
  expect(await again.drain()).toMatchObject({ films: { archive: { applied: 1 } } })
  expect(applied).toEqual([5])
  await again.close()
})
