package dev.mobiledeploy.demo

import android.content.Intent
import android.os.Bundle
import dev.mobiledeploy.core.Delegate
import dev.mobiledeploy.core.RunSettings
import dev.mobiledeploy.core.screen.threadChoices

private const val SAVED = "dev.mobiledeploy.demo.saved"

// On most phones as many cores are fast; more threads wait for the slow ones.
private const val USUAL_THREADS = 4

/** Puts the texts that a screen begins with into what starts it. */
fun Intent.putSaved(texts: Map<String, String>): Intent = putExtra(SAVED, texts.toBundle())

/** Gives the texts that a screen shall begin with; none where nothing was said. */
fun Intent.saved(): Map<String, String> = getBundleExtra(SAVED).orEmpty()

/** Keeps texts where Android keeps them longer than the process. */
fun Bundle.putSaved(texts: Map<String, String>) = putBundle(SAVED, texts.toBundle())

/** Gives the texts that were kept; null where none were. */
fun Bundle.saved(): Map<String, String>? = getBundle(SAVED)?.orEmpty()

/** How models are run on this phone until a person says otherwise. */
fun usualSettings() = RunSettings(threadNumbers().last { it <= USUAL_THREADS }, Delegate.CPU)

/** Numbers of threads to choose from on this phone. */
fun threadNumbers(): List<Int> = threadChoices(Runtime.getRuntime().availableProcessors())

private fun Map<String, String>.toBundle() = Bundle().also { for ((key, text) in this) it.putString(key, text) }

private fun Bundle?.orEmpty(): Map<String, String> =
    this?.keySet().orEmpty().mapNotNull { key -> this?.getString(key)?.let { key to it } }.toMap()
