import type { KafkaClient } from '../../src/index.ts'
import { type ParkedFact, parkedFactOf } from '../../src/parked/parked-message.ts'

/** The offsets whose copies count in the first partition of a parked topic, in the order of the log. */
export async function parkedCopies(client: KafkaClient, topic: string): Promise<readonly number[]> {
  const copies = new Set<number>()
  let highest = 0
  for (const fact of await factsOf(client, topic)) {
    if (fact.kind === 'claim') highest = Math.max(highest, fact.claim)
    if (fact.claim < highest) continue
    if (fact.kind === 'copy') copies.add(fact.entry.offset)
    if (fact.kind === 'done') for (const offset of fact.offsets) copies.delete(offset)
  }
  return [...copies]
}

async function factsOf(client: KafkaClient, topic: string): Promise<readonly ParkedFact[]> {
  const [admin, reader] = [await client.admin(), await client.reader(topic)]
  const facts: ParkedFact[] = []
  const [bounds = { first: 0, next: 0 }] = await admin.bounds(topic)
  if (bounds.next > bounds.first) {
    for await (const entries of reader.read(0, bounds.first, bounds.next)) {
      facts.push(...entries.flatMap((entry) => parkedFactOf(entry) ?? []))
    }
  }
  await Promise.all([admin.close(), reader.close()])
  return facts
}
