// For Android Studio, with Gradle 8.11.1 and JDK 17. The project's own CI builds the same sources without Gradle
// (mobile-deploy app build) and does not exercise these files.
pluginManagement {
    repositories {
        google()
        mavenCentral()
        gradlePluginPortal()
    }
}

dependencyResolutionManagement {
    repositoriesMode = RepositoriesMode.FAIL_ON_PROJECT_REPOS
    repositories {
        google()
        mavenCentral()
    }
}

rootProject.name = "mobile-deploy-demo"
include(":core", ":app")
