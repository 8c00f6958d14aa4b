import { describe, expect, it } from 'vitest'
import { memoryDeadLetterQueue, newLetterStore } from '../../src/dlq/memory-dlq.ts'
import { makeDeadLetter } from '../../src/testing/index.ts'

// What every dead-letter queue must do is in conformance.test.ts; here is what is this one's own.

describe('memoryDeadLetterQueue', () => {
  it('lists a letter that is put again last', async () => {
    const queue = memoryDeadLetterQueue()
    const [first, second] = [makeDeadLetter(), makeDeadLetter()]
    await queue.put([first, second])
    await queue.put([first])
    expect((await queue.list({})).letters).toEqual([second, first])
  })

  it('leaves its letters in the store for the queue opened next', async () => {
    const store = newLetterStore()
    const letter = makeDeadLetter()
    const queue = memoryDeadLetterQueue(store)
    await queue.put([letter])
    await queue.close()
    expect(await memoryDeadLetterQueue(store).get(letter.id)).toEqual(letter)
  })

  it('says ERR_CLOSED after close', async () => {
    const queue = memoryDeadLetterQueue()
    await queue.close()
    await expect(queue.count()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })
})
