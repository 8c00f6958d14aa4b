import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  createWal,
  crossRegionReplication,
  forwardReceiver,
  httpTarget,
  type ReceiveForwarded,
  type Target,
} from '@daybook/core'
import { ownCpuMs } from '../harness/cpu-time.ts'
import { cycle } from '../harness/cycle.ts'
import { phase } from '../harness/phase.ts'
import { makeKeys } from '../peers/payloads.ts'
import { machineNow, paced } from './pace.ts'
import { Latencies, type RegionTask, type RegionTimes } from './region.ts'
import { Rendezvous } from './rendezvous.ts'

interface Payload {
  /** By the clock of `machineNow`. */
  readonly dueAt: number
  readonly filling: string
}

/** A region whose log is a file, and whose peers take records by HTTP into logs of their own. */
export const walPhase = phase(import.meta.url, async (task: RegionTask): Promise<RegionTimes> => {
  const meeting = new Rendezvous(task.meetingPlace, task.name, task.names)
  let receive: ReceiveForwarded
  const server = createServer(async (request, response) => {
    const { status, body } = await receive(request)
    response.writeHead(status, { 'content-type': 'application/json' }).end(body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const ports = await meeting.meet('port', String((server.address() as AddressInfo).port))

  const from = machineNow() + task.warmUpMs
  const [durable, lag] = [new Latencies(from), new Latencies(from)]
  let arrived = 0
  const store: Target<Payload> = {
    idempotency: 'version',
    appliesInOrder: true,
    async apply(records) {
      const now = machineNow()
      for (const { origin, payload } of records) {
        if (origin === task.name || payload === undefined) continue
        arrived++
        lag.add((payload as Payload).dueAt, now)
      }
    },
  }
  await using wal = await openRegion(task, ports, store)
  const bench = wal.namespace('bench')
  receive = forwardReceiver(bench)
  await wal.start()
  await meeting.meet('started')

  const nextKey = cycle(makeKeys(task.keys))
  const filling = 'x'.repeat(task.payloadBytes)
  const writes: Promise<void>[] = []
  const before = ownCpuMs()
  const written = await paced(task, (dueAt) => {
    const write = bench.write({ key: nextKey(), payload: { dueAt, filling } })
    writes.push(write.then(() => durable.add(dueAt, machineNow())))
  })
  const cpuMs = ownCpuMs() - before
  await Promise.all(writes)
  await wal.drain({ timeout: '60s' })
  await meeting.meet('sent')
  await wal.drain({ timeout: '60s' })
  await meeting.meet('applied')
  close(server)
  return { written, arrived, durableMs: durable.values, lagMs: lag.values, cpuMs }
})

function openRegion(
  { directory, name, names }: RegionTask,
  ports: Readonly<Record<string, string>>,
  store: Target<Payload>,
) {
  const region = (other: string) => ({ name: other, number: names.indexOf(other) })
  const peers = names
    .filter((other) => other !== name)
    .map((other) => {
      const url = `http://127.0.0.1:${ports[other]}/`
      return [other, { number: region(other).number, target: httpTarget({ url, batch: true }) }]
    })
  return createWal({
    directory,
    namespaces: {
      bench: crossRegionReplication({
        region: region(name),
        targets: { store },
        peers: Object.fromEntries(peers),
      }),
    },
  })
}

function close(server: Server): void {
  server.close()
  server.closeAllConnections()
}
