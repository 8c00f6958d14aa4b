import { describe, expect, it } from 'vitest'
import type { File, FileSystem } from '../../src/queue/file/file-system.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { countCalls, faultAt, type MachineOptions, runTwoLives } from './log-machine.ts'
import { inspect, seed } from './log-workload.ts'

/** What is wrong after power cuts at every call in turn, of which nothing unsynced is kept. */
async function violations(options: MachineOptions): Promise<readonly string[]> {
  const wrong: string[] = []
  const calls = await countCalls(seed)
  for (let call = 1; call <= calls; call++) {
    const halted = faultAt(call, () => ({ halt: true }))
    const { disk, history } = await runTwoLives(seed, halted, options)
    const random = new SeededRandom(seed)
    wrong.push(...(await inspect(disk.crash({ keep: 'none' }), { random, history })))
  }
  return wrong
}

/** A file system whose `sync` answers before it is done. */
function answeringEarly(fileSystem: FileSystem): FileSystem {
  const early = (file: File): File => ({
    write: (bytes, position) => file.write(bytes, position),
    read: (into, position) => file.read(into, position),
    size: () => file.size(),
    truncate: (size) => file.truncate(size),
    close: () => file.close(),
    sync: async () => {
      void file.sync()
    },
  })
  return {
    makeDirectory: (path) => fileSystem.makeDirectory(path),
    list: (path) => fileSystem.list(path),
    create: async (path) => early(await fileSystem.create(path)),
    open: async (path, access) => early(await fileSystem.open(path, access)),
    rename: (from, to) => fileSystem.rename(from, to),
    remove: (path) => fileSystem.remove(path),
    syncDirectory: (path) => fileSystem.syncDirectory(path),
  }
}

const lost = expect.stringMatching(/was answered 'yes' and is lost$/)

describe('the crash suite', () => {
  it('finds nothing wrong with the log as it is', async () => {
    expect(await violations({})).toEqual([])
  })

  it('turns red when fdatasync is taken out', async () => {
    expect(await violations({ ignoreSync: true })).toContainEqual(lost)
  })

  it('turns red when the sync of the directory is taken out', async () => {
    expect(await violations({ ignoreDirectorySync: true })).toContainEqual(lost)
  })

  it('turns red when answers do not wait for the sync', async () => {
    expect(await violations({ wrap: answeringEarly })).toContainEqual(lost)
  })
})
