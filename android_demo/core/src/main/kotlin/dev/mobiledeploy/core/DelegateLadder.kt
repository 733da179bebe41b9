package dev.mobiledeploy.core

/** A model that runs, and how it came to. */
class OpenedModel(val runner: ModelRunner, val report: OpenReport)

/**
 * Opens a model with what was wished, or with the next best: each refusal is kept with its reason, so that none is silent.
 * What the GPU answers is held against the CPU once, at the opening.
 *
 * @param open Opens the model with exactly these settings, or throws a [FailureException].
 */
class DelegateLadder(private val open: (RunSettings) -> ModelRunner) {
    /**
     * Opens the model.
     *
     * @throws FailureException No rung of the ladder takes the model; the failure is that of the last.
     */
    fun climb(wished: RunSettings): OpenedModel {
        val refusals = mutableListOf<Refusal>()
        val rungs = RUNGS.getValue(wished.delegate)
        for (delegate in rungs.dropLast(1)) {
            try {
                return step(wished, delegate, refusals)
            } catch (error: FailureException) {
                refusals += Refusal(delegate, error.failure.reason)
            }
        }
        return step(wished, rungs.last(), refusals)
    }

    private fun step(wished: RunSettings, delegate: Delegate, refusals: List<Refusal>): OpenedModel {
        val runner = openOrSay(wished.copy(delegate = delegate))
        val doubts = try {
            if (delegate == Delegate.GPU) gpuDoubts(runner) { openOrSay(wished.copy(delegate = Delegate.CPU)) } else emptyList()
        } catch (error: Throwable) {
            runner.close()
            throw error
        }
        val report = OpenReport(wished.delegate, delegate, runner.used, runner.runtime, refusals.toList(), doubts)
        return OpenedModel(runner, report)
    }

    private fun openOrSay(settings: RunSettings): ModelRunner = try {
        open(settings)
    } catch (error: RuntimeException) {
        throw FailureException(DelegateUnavailable(settings.delegate, reasonOf(error)), error)
    } catch (error: LinkageError) {
        throw FailureException(DelegateUnavailable(settings.delegate, reasonOf(error)), error)
    }

    private companion object {
        val RUNGS = mapOf(
            Delegate.GPU to listOf(Delegate.GPU, Delegate.CPU, Delegate.CPU_PLAIN),
            Delegate.CPU to listOf(Delegate.CPU, Delegate.CPU_PLAIN),
            Delegate.CPU_PLAIN to listOf(Delegate.CPU_PLAIN),
        )
    }
}
