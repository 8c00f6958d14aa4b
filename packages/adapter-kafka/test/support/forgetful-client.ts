import type { KafkaClient } from '../../src/index.ts'
import { parkedFactOf } from '../../src/parked/parked-message.ts'

/** A client whose commits are lost from when the first copy is stored in a parked topic. */
export function forgetfulClient(client: KafkaClient): KafkaClient {
  let isForgetting = false
  return {
    name: client.name,
    admin: () => client.admin(),
    reader: (topic) => client.reader(topic),
    async sender() {
      const sender = await client.sender()
      return {
        async send(place, messages, signal) {
          await sender.send(place, messages, signal)
          if (messages.some((one) => parkedFactOf(one)?.kind === 'copy')) isForgetting = true
        },
        close: () => sender.close(),
      }
    },
    async group(options, listener) {
      const group = await client.group(options, listener)
      return {
        read: (place, from) => group.read(place, from),
        pause: (place) => group.pause(place),
        commit: (commits) =>
          isForgetting ? Promise.reject(new Error('The commit is lost.')) : group.commit(commits),
        close: () => group.close(),
      }
    },
  }
}
