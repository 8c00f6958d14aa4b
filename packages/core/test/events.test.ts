import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createWal, fanOut, memoryQueue, type } from '../src/index.ts'
import { recordingTarget } from '../src/testing/recording-target.ts'

interface Film {
  readonly title: string
}

async function open() {
  const search = recordingTarget<Film>({ idempotency: 'version' })
  const wal = await createWal({
    namespaces: {
      films: fanOut({ payload: type<Film>(), queue: memoryQueue(), targets: { search } }),
    },
  })
  onTestFinished(() => wal.close())
  await wal.start()
  const write = async () => {
    await wal.write('films', { key: 'k', payload: { title: 'Stalker' } })
    await wal.drain()
  }
  return { wal, search, write }
}

describe('a listener of a wal that fails', () => {
  it('stops no delivery and no other listener, and becomes an error event', async () => {
    const { wal, search, write } = await open()
    const codes: [string, unknown][] = []
    let calls = 0
    wal.on('applied', () => {
      throw new Error('no ledger')
    })
    wal.on('applied', async () => {
      await Promise.resolve()
      throw new Error('no ledger later')
    })
    wal.on('applied', () => void calls++)
    wal.on('error', ({ error }) => codes.push([error.code, (error.cause as Error).message]))
    await write()
    await write()
    expect(search.applied).toHaveLength(2)
    expect(calls).toBe(2)
    await vi.waitFor(() => expect(codes).toHaveLength(4), { timeout: 20_000 })
    expect(codes).toContainEqual(['ERR_LISTENER_FAILED', 'no ledger'])
    expect(codes).toContainEqual(['ERR_LISTENER_FAILED', 'no ledger later'])
  })

  it('becomes a process warning where it listens to errors itself', async () => {
    const { wal, write } = await open()
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    onTestFinished(() => warned.mockRestore())
    const failing = () => {
      throw new Error('no pager')
    }
    wal.on('applied', failing)
    wal.on('error', failing)
    await write()
    expect(warned.mock.calls).toEqual([
      [expect.stringContaining('no pager'), { type: 'WalError', code: 'ERR_LISTENER_FAILED' }],
    ])
  })

  it('can be taken off again, and one for once is called once', async () => {
    const { wal, write } = await open()
    const heard: string[] = []
    const each = (): void => void heard.push('each')
    const never = (): void => void heard.push('never')
    wal.on('applied', each)
    wal.once('applied', () => void heard.push('once'))
    wal.once('applied', never)
    wal.off('applied', never)
    await write()
    wal.off('applied', each)
    await write()
    expect(heard).toEqual(['each', 'once'])
  })
})
