import { describe, expect, it } from 'vitest'
import { createWal, fanOut, memoryQueue, type } from '../src/index.ts'
import { recordingTarget } from '../src/testing/recording-target.ts'

const payload = type<{ readonly title: string }>()
const broken = (what: string) => () => Promise.reject(new Error(what))

describe('a wal that cannot be opened', () => {
  it('tells why, also where what was opened before cannot be closed', async () => {
    const targets = { search: recordingTarget<{ title: string }>({ idempotency: 'version' }) }
    const closes = Object.assign(memoryQueue(), { close: broken('not closed') })
    const opens = Object.assign(memoryQueue(), { open: broken('not opened') })
    const namespaces = {
      first: fanOut({ payload, queue: closes, targets }),
      second: fanOut({ payload, queue: opens, targets }),
    }
    await expect(createWal({ namespaces })).rejects.toThrow('not opened')
  })

  it('tells why, also where the queue that is to blame cannot be closed', async () => {
    const targets = { search: recordingTarget<{ title: string }>({ idempotency: 'version' }) }
    const queue = Object.assign(memoryQueue(), {
      producer: broken('no producer'),
      close: broken('not closed'),
    })
    const namespaces = { films: fanOut({ payload, queue, targets }) }
    await expect(createWal({ namespaces })).rejects.toThrow('no producer')
  })
})
