import { type ChildProcess, fork } from 'node:child_process'
import cluster from 'node:cluster'
import { type EventEmitter, once } from 'node:events'
import { existsSync } from 'node:fs'
import { lstat, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type OwnerLock, ownerLock } from '../../../src/queue/file/owner-lock.ts'
import { refuseNetworkFileSystem, shortPlace } from '../../../src/queue/file/owner-lock-place.ts'

const script = join(import.meta.dirname, 'support/lock-child.ts')

let directory: string
let children: ChildProcess[]
let locks: OwnerLock[]

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'daybook-lock-'))
  children = []
  locks = []
})

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  for (const lock of locks) await lock.release()
  await rm(directory, { recursive: true, force: true })
})

async function acquire(place = directory): Promise<OwnerLock | undefined> {
  const lock = await ownerLock()(place)
  if (lock) locks.push(lock)
  return lock
}

function start(mode = 'open', place = directory): ChildProcess {
  const child = fork(script, [place, mode], { execArgv: [] })
  children.push(child)
  return child
}

async function nextMessage(from: EventEmitter): Promise<unknown> {
  const [message] = await once(from, 'message')
  return message
}

async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}

async function sockets(): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name.endsWith('.sock'))
}

/** Tells the socket in the directory from any other. */
async function socketIn(place = directory): Promise<number> {
  const [name] = (await readdir(place)).filter((each) => each.endsWith('.sock'))
  return (await lstat(join(place, name ?? ''))).ino
}

describe('the owner lock', () => {
  it('refuses a second opener in the same process, until it is released', async () => {
    const first = await acquire()
    expect(first).toBeDefined()
    expect(await acquire()).toBeUndefined()
    expect(await first?.isHeld()).toBe(true)
    await first?.release()
    await first?.release()
    expect(await first?.isHeld()).toBe(false)
    expect(await acquire()).toBeDefined()
  })

  it('leaves no file behind when released', async () => {
    const first = await acquire()
    expect(await sockets()).toHaveLength(1)
    await first?.release()
    expect(await readdir(directory)).toEqual([])
  })

  it('refuses an opener in another process, and is free at once when its holder is killed', async () => {
    const holder = start()
    expect(await nextMessage(holder)).toBe('held')
    expect(await acquire()).toBeUndefined()
    expect(await sockets()).toHaveLength(1)
    await kill(holder, 'SIGKILL')
    const began = performance.now()
    expect(await acquire()).toBeDefined()
    // No lease that has to run out: what is left is how busy the machine is.
    expect(performance.now() - began).toBeLessThan(5000)
    expect(await sockets(), 'the dead holder left its socket').toHaveLength(1)
  })

  it('is held while the event loop of its holder is blocked', async () => {
    const holder = start()
    expect(await nextMessage(holder)).toBe('held')
    holder.send('block')
    expect(await nextMessage(holder)).toBe('blocking')
    const done = nextMessage(holder)
    expect(await acquire()).toBeUndefined()
    expect(await Promise.race([done, 'still blocked'])).toBe('still blocked')
    await done
    expect(await acquire()).toBeUndefined()
  })

  it('is held while its holder is stopped', async () => {
    const holder = start()
    expect(await nextMessage(holder)).toBe('held')
    holder.kill('SIGSTOP')
    expect(await acquire()).toBeUndefined()
    await kill(holder, 'SIGKILL')
    expect(await acquire()).toBeDefined()
  })

  it('keeps the main thread and a worker thread apart', async () => {
    const worker = new Worker(script, { workerData: { directory, mode: 'open' }, execArgv: [] })
    expect(await nextMessage(worker)).toBe('held')
    expect(await acquire()).toBeUndefined()
    await worker.terminate()
    expect(await acquire()).toBeDefined()
    const second = new Worker(script, { workerData: { directory, mode: 'open' }, execArgv: [] })
    expect(await nextMessage(second)).toBe('refused')
    await second.terminate()
  })

  it('keeps the workers of a cluster apart', async () => {
    cluster.setupPrimary({ exec: script, args: [directory, 'open'], execArgv: [] })
    const first = cluster.fork()
    expect(await nextMessage(first)).toBe('held')
    const second = cluster.fork()
    expect(await nextMessage(second)).toBe('refused')
    for (const worker of [first, second]) {
      const exited = once(worker, 'exit')
      worker.process.kill('SIGKILL')
      await exited
    }
    expect(await acquire()).toBeDefined()
  })

  it('has one holder at a time when twelve processes race for it', {
    timeout: 40_000,
  }, async () => {
    const racers = Array.from({ length: 12 }, (_, at) => start(at % 2 ? 'race' : 'race linked'))
    const results = await Promise.all(racers.map(nextMessage))
    for (const result of results) expect(result).toMatchObject({ notAlone: 0 })
    const won = (results as { won: number }[]).reduce((sum, result) => sum + result.won, 0)
    expect(won).toBeGreaterThan(5)
    expect(await acquire()).toBeDefined()
  })

  it('takes one socket for many directories, and lets go of each by itself', async () => {
    const places = ['a', 'b', 'c'].map((name) => join(directory, name))
    for (const place of places) await mkdir(place)
    const [a, b, c] = (await Promise.all(places.map(acquire))) as OwnerLock[]
    await Promise.all([a?.release(), c?.release()])
    const again = await acquire(places[0])
    expect(new Set([await socketIn(places[0]), await socketIn(places[1])]).size).toBe(1)
    expect([await again?.isHeld(), await b?.isHeld(), await c?.isHeld()]).toEqual([
      true,
      true,
      false,
    ])
    for (const [at, expected] of ['refused', 'refused', 'held'].entries()) {
      expect(await nextMessage(start('open', places[at]))).toBe(expected)
    }
  })

  it('listens on a new socket once all the names of the last are gone', async () => {
    await (await acquire())?.release()
    const lock = await acquire()
    expect(await nextMessage(start())).toBe('refused')
    for (const name of await sockets()) await rm(join(directory, name))
    expect(lock?.isHeldNow?.()).toBe(false)
    const next = await acquire()
    expect(next?.isHeldNow?.()).toBe(true)
    expect(await nextMessage(start())).toBe('refused')
  })

  it('is free in every directory of a holder that was killed', async () => {
    const other = join(directory, 'other')
    await mkdir(other)
    const holder = start()
    expect(await nextMessage(holder)).toBe('held')
    holder.send(other)
    expect(await nextMessage(holder)).toBe(`${other} done`)
    expect([await acquire(), await acquire(other)]).toEqual([undefined, undefined])
    await kill(holder, 'SIGKILL')
    expect(await acquire(other)).toBeDefined()
    expect(await acquire()).toBeDefined()
  })

  it('is taken by one of two openers that begin at the same instant', async () => {
    for (let round = 0; round < 3; round++) {
      const both = await Promise.all([acquire(), acquire()])
      expect(both.filter((lock) => lock !== undefined)).toHaveLength(1)
      for (const lock of both) await lock?.release()
    }
  })

  it('removes the sockets of openers that died, and nothing else', async () => {
    await writeFile(join(directory, 'owner.json'), '{}')
    for (let count = 0; count < 3; count++) {
      const dead = start()
      await nextMessage(dead)
      await kill(dead, 'SIGKILL')
    }
    const lock = await acquire()
    expect(lock).toBeDefined()
    expect(await sockets()).toHaveLength(1)
    expect(existsSync(join(directory, 'owner.json'))).toBe(true)
  })

  it('takes an opener that only listens for alive, whatever its name', async () => {
    for (const name of ['owner-0000000000000000.sock', 'owner-ffffffffffffffff.sock']) {
      const server = createServer().listen(join(directory, name))
      await once(server, 'listening')
      expect(await acquire()).toBeUndefined()
      server.close()
      await once(server, 'close')
    }
    expect(await acquire()).toBeDefined()
  })

  it('tells its holder when somebody has deleted its socket', async () => {
    const lock = await acquire()
    expect(lock?.isHeldNow?.()).toBe(true)
    for (const name of await sockets()) await rm(join(directory, name))
    expect(await lock?.isHeld()).toBe(false)
    expect(lock?.isHeldNow?.()).toBe(false)
  })

  it('is never looked at over a network while others wait', async () => {
    const lock = await ownerLock({ allowNetworkFileSystem: true })(directory)
    expect(lock?.isHeldNow).toBeUndefined()
    expect(await lock?.isHeld()).toBe(true)
    await lock?.release()
    expect(await lock?.isHeld()).toBe(false)
  })

  it('works in a directory whose path is too long for the address of a socket', async () => {
    const deep = join(directory, 'x'.repeat(120), 'y'.repeat(120))
    await mkdir(deep, { recursive: true })
    const first = await acquire(deep)
    expect(first).toBeDefined()
    expect(await readdir(deep)).toHaveLength(1)
    expect(await acquire(deep)).toBeUndefined()
    await first?.release()
    expect(await readdir(deep)).toEqual([])
    expect(await acquire(deep)).toBeDefined()
  })

  it('shortens a long path by a link where there is no path through a descriptor', async () => {
    const deep = join(directory, 'x'.repeat(120))
    await mkdir(deep)
    await writeFile(join(deep, 'here'), '')
    const place = await shortPlace(deep, 30, 'darwin')
    expect(place.directory.length).toBeLessThan(70)
    expect(await readdir(place.directory)).toEqual(['here'])
    await place.close()
    expect(existsSync(place.directory)).toBe(false)
    expect(await readdir(deep)).toEqual(['here'])
  })

  it('refuses file systems that other machines may share, by their type', async () => {
    for (const type of [0x6969, 0xff534d42, 0xfe534d42, 0x65735546]) {
      await expect(refuseNetworkFileSystem(directory, async () => type)).rejects.toMatchObject({
        code: 'ERR_DIRECTORY_UNSUITABLE',
      })
    }
    await expect(refuseNetworkFileSystem(directory)).resolves.toBeUndefined()
  })
})
