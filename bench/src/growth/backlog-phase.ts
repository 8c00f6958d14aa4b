import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { phase } from '../harness/phase.ts'
import { type BacklogTask, deliverBacklog } from '../peers/daybook-backlog.ts'

/** Records that go first, into a log of their own, to have everything compiled. */
const warmUpRecords = 50_000

/** A backlog written, opened and delivered in a process that has done nothing before but warm up. */
export const backlogPhase = phase(import.meta.url, async (task: BacklogTask) => {
  const [warmUp, measured] = [join(task.directory, 'warm-up'), join(task.directory, 'measured')]
  await mkdir(warmUp)
  await mkdir(measured)
  await deliverBacklog({ ...task, directory: warmUp, records: warmUpRecords })
  return deliverBacklog({ ...task, directory: measured })
})
