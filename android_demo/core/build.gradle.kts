plugins {
    alias(libs.plugins.kotlin.jvm)
}

kotlin {
    compilerOptions.jvmTarget = org.jetbrains.kotlin.gradle.dsl.JvmTarget.JVM_1_8
    // Java's own classes as Android 8 has them: calls of later ones would not be found there.
    compilerOptions.freeCompilerArgs.add("-Xjdk-release=1.8")
    // They need vectors that the Python side writes: make android runs them.
    sourceSets.named("test") { kotlin.setSrcDirs(emptyList<String>()) }
}

java {
    sourceCompatibility = JavaVersion.VERSION_1_8
    targetCompatibility = JavaVersion.VERSION_1_8
}

dependencies {
    implementation(libs.serialization.json)
}
