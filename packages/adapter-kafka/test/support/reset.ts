import type { Service } from '@daybook/services'

/** Empties the broker, once members that left without a word are taken out of their groups. */
export async function resetPatiently(kafka: Service): Promise<void> {
  for (let tries = 40; ; tries--) {
    try {
      await kafka.reset()
      return
    } catch (error) {
      if (tries === 0) throw error
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
  }
}
