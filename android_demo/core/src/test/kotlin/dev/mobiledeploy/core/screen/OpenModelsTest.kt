package dev.mobiledeploy.core.screen

import dev.mobiledeploy.core.Turn
import dev.mobiledeploy.core.fakes.FakeFactory
import dev.mobiledeploy.core.fakes.FakeRunner
import dev.mobiledeploy.core.fakes.FlatPicture
import dev.mobiledeploy.core.fakes.SmallBundle
import org.junit.jupiter.api.Test
import kotlin.test.assertEquals
import kotlin.test.assertNotNull
import kotlin.test.assertNull

class OpenModelsTest {
    private val factory = FakeFactory()
    private val models = OpenModels(factory) { SmallBundle(it) }

    private fun closed() = factory.opened.map { (it as FakeRunner).closed }
    private fun ask(place: Place, request: Int) = models.classify(place, request, FlatPicture(), Turn.UPRIGHT)

    @Test
    fun `two places hold two models, each asked by the request that opened it`() {
        models.open(Place.FIRST, 1, "a-int8", USUAL)
        models.open(Place.SECOND, 2, "b-int8", USUAL)
        assertNotNull(ask(Place.FIRST, 1))
        assertNotNull(ask(Place.SECOND, 2))
        assertNull(ask(Place.FIRST, 2))
        models.close()
        assertEquals(listOf(1, 1), closed())
        assertNull(ask(Place.FIRST, 1))
    }

    @Test
    fun `what was open in a place is closed before the next is opened`() {
        val closedBefore = mutableListOf<List<Int>>()
        val noting = OpenModels({ name, model, settings ->
            closedBefore += closed()
            factory.open(name, model, settings)
        }) { SmallBundle(it) }
        noting.open(Place.FIRST, 1, "a-int8", USUAL)
        noting.open(Place.FIRST, 2, "b-int8", USUAL)
        assertEquals(listOf(emptyList(), listOf(1)), closedBefore)
        assertNull(noting.classify(Place.FIRST, 1, FlatPicture(), Turn.UPRIGHT))
        repeat(2) { noting.close(Place.FIRST) }
        assertEquals(listOf(1, 1), closed())
    }
}
