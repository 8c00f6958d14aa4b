/**
 * An opener in another process, worker thread or cluster worker. Started with a directory, it tries
 * to lock it, says `held` or `refused`, and then does as it is told.
 */
import cluster from 'node:cluster'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { type OwnerLock, ownerLock } from '../../../../src/queue/file/owner-lock.ts'

const directory: string = workerData?.directory ?? process.argv[2]
const mode: string = workerData?.mode ?? process.argv[3]

function say(message: unknown): void {
  if (parentPort) parentPort.postMessage(message)
  else process.send?.(message)
}

async function openOnce(): Promise<void> {
  const lock = await ownerLock()(directory)
  say(lock ? 'held' : 'refused')
  const listen = parentPort ?? (cluster.isWorker ? cluster.worker : process)
  listen?.on('message', (command: string) => void obey(command, lock))
}

async function obey(command: string, lock: OwnerLock | undefined): Promise<void> {
  if (command === 'release') await lock?.release()
  if (command.startsWith('/')) await ownerLock()(command)
  if (command === 'block') {
    say('blocking')
    const end = Date.now() + 1500
    while (Date.now() < end);
  }
  say(`${command} done`)
}

/** Holds another directory meanwhile, so that its socket has several names. */
async function raceLinked(): Promise<void> {
  const lock = await ownerLock()(mkdtempSync(`${directory}/own-`))
  await race()
  await lock?.release()
}

/** Takes the lock again and again, and says how often it had it, and how often not alone. */
async function race(): Promise<void> {
  const end = Date.now() + 2500
  const inside = `${directory}/inside`
  let won = 0
  let notAlone = 0
  while (Date.now() < end) {
    const lock = await ownerLock()(directory)
    if (!lock) continue
    won++
    try {
      writeFileSync(inside, '', { flag: 'wx' })
      await wait(Math.random() * 10)
      rmSync(inside)
    } catch {
      notAlone++
    }
    await lock.release()
    await wait(Math.random() * 20)
  }
  say({ won, notAlone })
}

const modes = new Map([
  ['race', race],
  ['race linked', raceLinked],
])
await (modes.get(mode) ?? openOnce)()
