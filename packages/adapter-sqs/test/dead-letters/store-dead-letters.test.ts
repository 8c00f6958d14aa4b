import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deadLetterQueueConformance } from '@daybook/core/testing'
import { describe, test } from 'vitest'
import { directoryStore, storeDeadLetters } from '../../src/index.ts'

describe('storeDeadLetters in a directory', () => {
  const cases = deadLetterQueueConformance({
    create: async () => {
      const directory = await mkdtemp(join(tmpdir(), 'daybook-letters-'))
      return {
        open: () => storeDeadLetters({ store: directoryStore(directory), prefix: 'letters/a/' }),
        dispose: () => rm(directory, { recursive: true }),
      }
    },
  })
  test.concurrent.each(cases)('$name', ({ run }) => run(), 60_000)
})
