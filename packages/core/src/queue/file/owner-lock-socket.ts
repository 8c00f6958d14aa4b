import { lstatSync } from 'node:fs'
import { lstat, readdir, rm } from 'node:fs/promises'
import { type Clock, sleep } from '../../clock.ts'
import type { Random } from '../../random.ts'
import type { OwnerLock } from './owner-lock.ts'
import { ask, type Listener, listenAt } from './owner-lock-listener.ts'
import { type ShortPlace, shortPlace } from './owner-lock-place.ts'

const nameShape = /^owner-[0-9a-f]{16}\.sock$/
const nameBytes = 'owner-0123456789abcdef.sock'.length

/** Tries before the directory is taken for owned by another, and the longest wait between two. */
const tries = 7
const longestWaitMs = 160

/**
 * Unix: the owner listens on a socket in the directory. Each opener
 *
 *   1. listens on a file of its own, `owner-<random>.sock` (where the process listens already, that
 *      is one more name of its socket, and answered from the start);
 *   2. then lists the directory and connects to every other such file;
 *   3. owns the directory if none of them answered, and its own file is still there; only then
 *   4. removes the files of which the system says that nobody listens on them.
 *
 * The kernel answers a connect as long as the listening process lives, even if that is stopped,
 * and refuses it as soon as it is gone, also after SIGKILL: there is no age, no process id and no
 * heartbeat to be mistaken about. Whatever is not a plain refusal counts as an answer.
 *
 * No two own it at once. Say A and B both passed step 3 and still live, and A began to listen
 * first. Then B's step 2 came after A listened. B found A's file, and was answered, unless the
 * file was gone. Who could have removed it? Not A, which removes it only when it stops. So some C
 * in step 4, which in its step 2 found A's file when A had made it but did not listen on it yet.
 * So C listened before A did, and until it was done with step 4. If A's step 2 came before that
 * end, A was answered by C and did not pass. If it came after, the file was gone already, and A did
 * not pass step 3. (A C that is killed in step 4 finishes the call it is in before the kernel
 * closes its socket.)
 *
 * Openers that race see each other and may all stand back. The one with the lowest name keeps
 * listening and looks again, the others stop listening and wait for a random while.
 *
 * What this cannot hold against: somebody deleting the file of a living owner (`isHeld` then
 * tells), another machine (see `refuseNetworkFileSystem`), and, outside Linux, so many openers
 * turned away by a stopped owner that its queue of connections is full (128 or more).
 */
export async function acquireSocketLock(
  directory: string,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<OwnerLock | undefined> {
  const place = await shortPlace(directory, nameBytes)
  let own: OwnSocket | undefined
  try {
    for (let round = 0; round < tries; round++) {
      own ??= await OwnSocket.listen(place, random)
      const { alive, dead } = await findOthers(place, own.name)
      if (alive.length === 0 && (await own.isThere())) {
        for (const name of dead) await rm(`${place.directory}/${name}`, { force: true })
        return lockOf(own, place)
      }
      if (alive.length === 0 || alive.some((name) => name < (own?.name ?? ''))) {
        await own.close()
        own = undefined
      }
      const waitMs = Math.min(10 * 2 ** round, longestWaitMs)
      if (round < tries - 1) await sleep(clock, waitMs * (0.5 + random.next() / 2))
    }
  } catch (error) {
    await own?.close()
    await place.close()
    throw error
  }
  await own?.close()
  await place.close()
  return undefined
}

/** True if somebody owns the directory, or is about to. Leaves no trace in it. */
export async function isSocketLockHeld(directory: string): Promise<boolean> {
  const place = await shortPlace(directory, nameBytes)
  try {
    return (await findOthers(place, '')).alive.length > 0
  } finally {
    await place.close()
  }
}

function lockOf(own: OwnSocket, place: ShortPlace): OwnerLock {
  let released: Promise<void> | undefined
  return {
    isHeld: () => own.isThere(),
    isHeldNow: () => own.isThereNow(),
    release() {
      released ??= own.close().then(() => place.close())
      return released
    },
  }
}

/** A socket that this opener listens on. */
class OwnSocket {
  readonly name: string
  readonly #path: string
  readonly #listener: Listener
  /** Undefined if the file was gone again at once. */
  readonly #inode: bigint | undefined

  private constructor(name: string, path: string, listener: Listener, inode: bigint | undefined) {
    this.name = name
    this.#path = path
    this.#listener = listener
    this.#inode = inode
  }

  static async listen(place: ShortPlace, random: Random): Promise<OwnSocket> {
    for (;;) {
      const name = `owner-${Buffer.from(random.fill(new Uint8Array(8))).toString('hex')}.sock`
      const path = `${place.directory}/${name}`
      try {
        const listener = await listenAt(path)
        const found = await lstat(path, { bigint: true }).catch(() => undefined)
        return new OwnSocket(name, path, listener, found?.ino)
      } catch (error) {
        // With a seeded generator two openers can come to the same name.
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
      }
    }
  }

  async isThere(): Promise<boolean> {
    if (!this.#listener.listening) return false
    const found = await lstat(this.#path, { bigint: true }).catch(() => undefined)
    return found !== undefined && found.ino === this.#inode
  }

  /** Of a file that is in use the system knows all this without asking the disk. */
  isThereNow(): boolean {
    if (!this.#listener.listening) return false
    try {
      return lstatSync(this.#path, { bigint: true }).ino === this.#inode
    } catch {
      return false
    }
  }

  /** The file is removed before the socket stops listening. */
  close(): Promise<void> {
    return this.#listener.close()
  }
}

async function findOthers(place: ShortPlace, ownName: string) {
  const alive: string[] = []
  const dead: string[] = []
  for (const name of await readdir(place.directory)) {
    if (!nameShape.test(name) || name === ownName) continue
    const answer = await ask(`${place.directory}/${name}`)
    if (answer === 'alive') alive.push(name)
    if (answer === 'dead') dead.push(name)
  }
  return { alive, dead }
}
