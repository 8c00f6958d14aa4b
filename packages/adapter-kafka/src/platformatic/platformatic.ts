import type { KafkaClient } from '../kafka-client.ts'
import { openAdmin } from './platformatic-admin.ts'
import { joinGroup } from './platformatic-group.ts'
import { checkPlatformaticOptions, type PlatformaticOptions } from './platformatic-options.ts'
import { openReader } from './platformatic-reader.ts'
import { PlatformaticSender } from './platformatic-sender.ts'

/**
 * `@platformatic/kafka` 2.12.1 or later, as this package uses it. Throws `ERR_CONFIG` for options that are missing or unknown; the
 * values of others are for the client to check.
 */
export function platformatic(options: PlatformaticOptions): KafkaClient {
  checkPlatformaticOptions(options)
  return {
    name: '@platformatic/kafka',
    admin: async () => openAdmin(options),
    sender: async () => new PlatformaticSender(options),
    group: (group, listener) => joinGroup(options, group, listener),
    reader: async (topic) => openReader(options, topic),
  }
}
