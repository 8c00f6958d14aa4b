import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ownCpuMs } from '../harness/cpu-time.ts'
import { phase } from '../harness/phase.ts'
import { machineNow, paced } from './pace.ts'
import { Latencies, type RegionTask, type RegionTimes } from './region.ts'
import { Rendezvous } from './rendezvous.ts'
import { SyncedLog } from './synced-log.ts'

/**
 * The hop and nothing else: what is due is written to a file and synced, sent over a connection to each
 * other process, and written to a file and synced there. It keeps no order of keys, checks nothing,
 * remembers nothing and answers nobody.
 */
export const barePhase = phase(import.meta.url, async (task: RegionTask): Promise<RegionTimes> => {
  const meeting = new Rendezvous(task.meetingPlace, task.name, task.names)
  const others = task.names.filter((name) => name !== task.name)
  // The first eight bytes say when it was due.
  const recordBytes = Math.max(8, task.payloadBytes)
  const each = Math.round((task.perSecond * task.durationMs) / 1000)
  const from = machineNow() + task.warmUpMs
  const [durable, lag] = [new Latencies(from), new Latencies(from)]
  const room = each * task.names.length * recordBytes
  const log = await SyncedLog.open(join(task.directory, 'bare'), room)

  let arrived = 0
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    inWholeRecords(socket, recordBytes, (records) => {
      const synced = (): void => {
        arrived += note(lag, records, recordBytes)
      }
      log.add({ records, synced })
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const ports = await meeting.meet('port', String((server.address() as AddressInfo).port))
  const links = others.map((name) => connect(Number(ports[name]), '127.0.0.1').setNoDelay())
  await Promise.all(links.map((link) => once(link, 'connect')))
  await meeting.meet('started')

  const before = ownCpuMs()
  const written = await paced(task, (dueAt) => {
    const records = Buffer.alloc(recordBytes)
    records.writeDoubleLE(dueAt)
    const synced = (): void => {
      note(durable, records, recordBytes)
      for (const link of links) link.write(records)
    }
    log.add({ records, synced })
  })
  const cpuMs = ownCpuMs() - before
  while (arrived < each * others.length) await sleep(1)
  await meeting.meet('applied')
  for (const socket of [...links, ...sockets]) socket.destroy()
  server.close()
  await log.close()
  return { written, arrived, durableMs: durable.values, lagMs: lag.values, cpuMs }
})

/** Answers how many they were. */
function note(latencies: Latencies, records: Buffer, recordBytes: number): number {
  const now = machineNow()
  for (let at = 0; at < records.length; at += recordBytes) {
    latencies.add(records.readDoubleLE(at), now)
  }
  return records.length / recordBytes
}

function inWholeRecords(
  socket: Socket,
  recordBytes: number,
  take: (records: Buffer) => void,
): void {
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (bytes: Buffer) => {
    const all = Buffer.concat([rest, bytes])
    const whole = all.length - (all.length % recordBytes)
    rest = all.subarray(whole)
    if (whole > 0) take(all.subarray(0, whole))
  })
}
